//! Sinks of every kind.

use super::check;
use expect_test::expect;

#[test]
fn print_alone() {
    check(
        "source = numbers, sink = [print]",
        "fn look(n: u64) -> u64 { n }",
        expect![[r#"
        fn __wire(__wiring: &mut __rt::Wiring<'_>) {
            __wiring.sinks(&["print"]);
            __rt::Asks::<u64>::of().ask(__wiring.needs());
            __wiring
                .handle(
                    __rt::shared(&numbers).untry().copied(),
                    |__flow| __flow,
                    |mut __lane, __step| async move {
                        let __copy = __rt::Copier::of(&__lane).copier();
                        while let __rt::Some(__message) = __lane.next().await? {
                            let __sent = {
                                let __n = __rt::As::<u64>::take(__message, __copy, &__step)?;
                                let mut __outputs = __rt::sendable(
                                    __rt::returned(look(__n)).checked()?.outputs(),
                                );
                                let __shown = __rt::sent_by(&__outputs).shown();
                                let __sink_1 = __rt::Offer(&print).sink().fit(__shown);
                                while let __rt::Some(__item) = __outputs.next(&__step).await?
                                {
                                    __rt::send(&__step, 0, __item, &__sink_1).await?;
                                }
                                __outputs.sent()
                            };
                            __lane.end(__sent).await?;
                        }
                        __rt::Ok(())
                    },
                );
        }"#]],
    );
}

#[test]
fn many_sinks() {
    check(
        "source = numbers, sink = [COUNTS, stores::keep, tagged(\"x\"), |n| drop(n), |n: u64| drop(n), print]",
        "fn look(n: u64) -> Option<u64> { Some(n) }",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring.sinks(&["COUNTS", "keep", "tagged", "sink", "sink", "print"]);
                __rt::Declared(&COUNTS).declare(__wiring.sink(0));
                __rt::Asks::<u64>::of().ask(__wiring.needs());
                __wiring
                    .handle(
                        __rt::shared(&numbers).untry().copied(),
                        |__flow| __flow,
                        |mut __lane, __step| async move {
                            let __copy = __rt::Copier::of(&__lane).copier();
                            while let __rt::Some(__message) = __lane.next().await? {
                                let __sent = {
                                    let __n = __rt::As::<u64>::take(__message, __copy, &__step)?;
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(look(__n)).checked()?.outputs(),
                                    );
                                    let __shown = __rt::sent_by(&__outputs).shown();
                                    let __copied = __rt::copies(__shown);
                                    let __sink_1 = __rt::Offer(&COUNTS).sink().fit(__shown);
                                    let __sink_2 = __rt::Offer(&stores::keep)
                                        .sink()
                                        .fit(__shown);
                                    let __made_3 = tagged("x");
                                    let __sink_3 = __rt::Offer(&__made_3).sink().fit(__shown);
                                    let __sink_4 = __rt::closure(__shown, |n| drop(n));
                                    let __made_5 = |n: u64| drop(n);
                                    let __sink_5 = __rt::Offer(&__made_5).sink().fit(__shown);
                                    let __sink_6 = __rt::Offer(&print).sink().fit(__shown);
                                    while let __rt::Some(__item) = __outputs.next(&__step).await?
                                    {
                                        __rt::send(&__step, 0, __copied(&__item), &__sink_1).await?;
                                        __rt::send(&__step, 1, __copied(&__item), &__sink_2).await?;
                                        __rt::send(&__step, 2, __copied(&__item), &__sink_3).await?;
                                        __rt::send(&__step, 3, __copied(&__item), &__sink_4).await?;
                                        __rt::send(&__step, 4, __copied(&__item), &__sink_5).await?;
                                        __rt::send(&__step, 5, __item, &__sink_6).await?;
                                    }
                                    __outputs.sent()
                                };
                                __lane.end(__sent).await?;
                            }
                            __rt::Ok(())
                        },
                    );
            }"#]],
    );
}
