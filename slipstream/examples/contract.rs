//! What the macro emits, written by hand: deleted once the macro does.
#![forbid(unsafe_code)]
#![deny(warnings)]
use slipstream::prelude::*;

fn numbers() -> impl Stream<Item = u32> {
    futures_util::stream::iter(0..6)
}

// #[handle(source = numbers, pipe = [accumulate, pairwise], sink = [print])]
fn pairs(pair: (u32, u32)) -> (u32, u32) {
    pair
}

const _: () = {
    use ::slipstream::__private as __rt;
    #[allow(unused_imports)]
    use __rt::levels::*;

    fn __wire(__wiring: &mut __rt::Wiring<'_>) {
        __wiring.sinks(&["print"]);
        __rt::Asks::<(u32, u32)>::of().ask(__wiring.needs());
        __wiring.handle(__rt::shared(&numbers).untry().copied(), |__flow, mut __lane, __step| async move {
            let __flow = __rt::out(__rt::Through(__flow, accumulate).pipe()).flow();
            let __flow = __rt::out(__rt::Through(__flow, pairwise).pipe()).flow();
            let mut __flow = __flow;
            let __copy = __rt::Copier::of(&__flow).copier();
            while let __rt::Some(mut __message) = __lane.next(&mut __flow).await? {
                while __lane.again() {
                    let __call = async {
                        let __pair = __rt::argument::<(u32, u32), _, _, _>(&mut __message, __copy, &__step)?;
                        let mut __outputs = __rt::sendable(__rt::returned(pairs(__pair)).checked()?.outputs());
                        let __sent = __rt::sent_by(&__outputs).shown();
                        let __sink_0 = __rt::Offer(&print).sink().fit(__sent);
                        while let __rt::Some(__item) = __outputs.next(&__step).await? {
                            __rt::send(&__step, 0, __item, &__sink_0).await?;
                        }
                        __rt::Ok(__outputs.sent())
                    };
                    let __done = __lane.attempt(__call).await;
                    __lane.settle(__done, &__message).await?;
                }
            }
            __rt::Ok(())
        });
    }

    __rt::inventory::submit! {
        __rt::Entry {
            name: "pairs",
            module: module_path!(),
            file: file!(),
            line: line!(),
            column: column!(),
            id: || __rt::id_of(&pairs),
            wire: __wire,
        }
    }
};

static COUNTS: Cache<String, u64> = Cache::new("counts");

fn words() -> [&'static str; 4] {
    ["a", "b", "a", "c"]
}

// #[handle(source = words, sink = [COUNTS, print, keep], on_error = retry(2, fixed(millis(1))).then(skip), timeout = secs(1))]
async fn count(word: &str, total: State<u64>) -> Result<Option<(String, u64)>> {
    if word == "b" {
        return Ok(None);
    }
    let n = COUNTS.get(word)?.unwrap_or(0) + *total;
    Ok(Some((word.to_owned(), n)))
}

async fn keep(pair: (String, u64)) -> Result<()> {
    if pair.0 == "c" {
        return Err(Error::msg("no c here"));
    }
    Ok(())
}

const _: () = {
    use ::slipstream::__private as __rt;
    #[allow(unused_imports)]
    use __rt::levels::*;

    fn __wire(__wiring: &mut __rt::Wiring<'_>) {
        __wiring.sinks(&["COUNTS", "print", "keep"]);
        __wiring.on_error({
            #[allow(unused_imports)]
            use ::slipstream::policy::*;
            retry(2, fixed(millis(1))).then(skip)
        });
        __wiring.timeout(secs(1));
        __rt::Declared(&COUNTS).declare(__wiring.needs());
        __rt::Asks::<State<u64>>::of().ask(__wiring.needs());
        __wiring.handle_lent(__rt::shared(&words).untry().copied(), |__flow, mut __lane, __step| async move {
            let mut __flow = __flow;
            while let __rt::Some(__message) = __lane.next(&mut __flow).await? {
                while __lane.again() {
                    let __call = async {
                        let __word = __rt::view::<str, _, _>(__message.look()?);
                        let __total = __rt::look::<State<u64>, _, _, _>(&__message, &__step)?;
                        let __rest = __rt::Rest::taken();
                        let (__total, __rest) = __rest.take(__total);
                        let mut __outputs =
                            __rt::sendable(__rt::returned(count(__word, __total).await).checked()?.outputs());
                        let __sent = __rt::sent_by(&__outputs).shown();
                        let __copied = __rt::copies(__sent);
                        let __sink_0 = __rt::Offer(&COUNTS).sink().fit(__sent);
                        let __sink_1 = __rt::Offer(&print).sink().fit(__sent);
                        let __sink_2 = __rt::Offer(&keep).sink().fit(__sent);
                        while let __rt::Some(__item) = __outputs.next(&__step).await? {
                            __rt::resend(&__step, 0, __copied(&__item), &__sink_0).await?;
                            __rt::resend(&__step, 1, __copied(&__item), &__sink_1).await?;
                            __rt::resend(&__step, 2, __item, &__sink_2).await?;
                        }
                        __rt::Ok(__outputs.sent())
                    };
                    let __done = __lane.attempt(__call).await;
                    __lane.settle(__done, &__message).await?;
                }
            }
            __rt::Ok(())
        });
    }

    __rt::inventory::submit! {
        __rt::Entry {
            name: "count",
            module: module_path!(),
            file: file!(),
            line: line!(),
            column: column!(),
            id: || __rt::id_of(&count),
            wire: __wire,
        }
    }
};

enum In {
    Number(u32),
    Word(&'static str),
}
impl From<u32> for In {
    fn from(n: u32) -> In {
        In::Number(n)
    }
}
impl From<&'static str> for In {
    fn from(w: &'static str) -> In {
        In::Word(w)
    }
}

// #[handle(source = [numbers, words, every(millis(1)).take(3)], pipe = [..], sink = [print])]
fn either(one: In) -> impl Iterator<Item = String> {
    let text = match one {
        In::Number(n) => format!("number {n}"),
        In::Word(w) => format!("word {w}"),
    };
    std::iter::once(text)
}

const _: () = {
    use ::slipstream::__private as __rt;
    #[allow(unused_imports)]
    use __rt::levels::*;

    fn __wire(__wiring: &mut __rt::Wiring<'_>) {
        __wiring.sinks(&["print"]);
        let mut __merge = __wiring.merge::<In>();
        __merge.source(
            __rt::shared(&numbers).untry().copied(),
            |__flow| __rt::out(__rt::Through(__flow, dedup).pipe()).flow(),
            |__item| __rt::mixed::<In, _, _>(__item),
        );
        __merge.source(
            __rt::shared(&words).untry().copied(),
            |__flow| __rt::out(__rt::Through(__flow, dedup).pipe()).flow(),
            |__item| __rt::mixed::<In, _, _>(__item),
        );
        __merge.source(
            __rt::private("9..12", || 9..12_u32).untry().copied(),
            |__flow| __rt::out(__rt::pipe_fn(__flow, |s| s.map(|n| n + 1))).flow(),
            |__item| __rt::mixed::<In, _, _>(__item),
        );
        __merge.handle(|__flow, mut __lane, __step| async move {
            let mut __flow = __flow;
            let __copy = __rt::Copier::of(&__flow).copier();
            while let __rt::Some(mut __message) = __lane.next(&mut __flow).await? {
                while __lane.again() {
                    let __call = async {
                        let __one = __rt::argument::<In, _, _, _>(&mut __message, __copy, &__step)?;
                        let mut __outputs = __rt::sendable(__rt::returned(either(__one)).checked()?.outputs());
                        let __sent = __rt::sent_by(&__outputs).shown();
                        let __sink_0 = __rt::Offer(&print).sink().fit(__sent);
                        while let __rt::Some(__item) = __outputs.next(&__step).await? {
                            __rt::send(&__step, 0, __item, &__sink_0).await?;
                        }
                        __rt::Ok(__outputs.sent())
                    };
                    let __done = __lane.attempt(__call).await;
                    __lane.settle(__done, &__message).await?;
                }
            }
            __rt::Ok(())
        });
    }

    __rt::inventory::submit! {
        __rt::Entry {
            name: "either",
            module: module_path!(),
            file: file!(),
            line: line!(),
            column: column!(),
            id: || __rt::id_of(&either),
            wire: __wire,
        }
    }
};

fn main() -> std::process::ExitCode {
    slipstream::__private::main(async {
        let running = slipstream::testing::app()
            .handler(pairs)
            .handler(count)
            .handler(either)
            .state(1_u64)
            .start()
            .await?;
        running.wait().await?;
        println!("{}", running.report());
        running.assert_conserved();
        running.enter(|| {
            for entry in COUNTS.iter()? {
                println!("{:?}", entry?);
            }
            Ok(())
        })
    })
}
