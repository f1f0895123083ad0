//! Sources, arguments and pipes.

use super::{check, expanded};
use expect_test::expect;

#[test]
fn the_least_that_is_a_handler() {
    let all = expanded("source = timer", "fn tick() {}");
    expect![[r#"
        fn tick() {}
        #[allow(
            clippy::all,
            clippy::pedantic,
            unused_imports,
            unused_qualifications,
            non_snake_case
        )]
        const _: () = {
            use ::slipstream::__private as __rt;
            use __rt::levels::*;
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring
                    .handle_lent(
                        __rt::shared(&timer).untry().copied(),
                        |mut __lane, __step| async move {
                            while let __rt::Some(_) = __lane.next().await? {
                                let __sent = {
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(tick()).checked()?.outputs(),
                                    );
                                    while let __rt::Some(_) = __outputs.next(&__step).await? {}
                                    __outputs.sent()
                                };
                                __lane.end(__sent).await?;
                            }
                            __rt::Ok(())
                        },
                    );
            }
            __rt::inventory::submit! {
                __rt::Entry { name : "tick", module : module_path!(), file : file!(), line :
                line!(), column : column!(), id : || __rt::id_of(& tick), wire : __wire, }
            }
        };
    "#]]
    .assert_eq(&all);
}

#[test]
fn async_by_reference() {
    check(
        "source = QUAKES, sink = [COUNTS]",
        "async fn count(quake: &Quake) -> Result<(String, u64)> { todo(quake) }",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring.sinks(&["COUNTS"]);
                __rt::Declared(&COUNTS).declare(__wiring.sink(0));
                __wiring
                    .handle_lent(
                        __rt::shared(&QUAKES).untry().copied(),
                        |mut __lane, __step| async move {
                            while let __rt::Some(__message) = __lane.next().await? {
                                let __sent = {
                                    let __quake = __rt::As::<Quake>::view(__message.look()?);
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(count(__quake).await).checked()?.outputs(),
                                    );
                                    let __shown = __rt::sent_by(&__outputs).shown();
                                    let __sink_1 = __rt::Offer(&COUNTS).sink().fit(__shown);
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
fn pipes_from_left_to_right() {
    check(
        "source = every(secs(1)), pipe = [accumulate, chunks(3), |sums| sums.skip(1)]",
        "fn look(sums: Vec<u64>) {}",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring.pipes(&["accumulate", "chunks", "pipe"]);
                __rt::Asks::<Vec<u64>>::of().ask(__wiring.needs());
                __wiring
                    .handle(
                        __rt::private("every (secs (1))", || every(secs(1))).untry().copied(),
                        |__flow| {
                            let __flow = __rt::out(__rt::through(__flow, accumulate).staged());
                            let __flow = __rt::out(__rt::through(__flow, chunks(3)).staged());
                            let __flow = __rt::out(
                                __rt::pipe_fn(__flow, |sums| sums.skip(1)).staged(),
                            );
                            __flow
                        },
                        |mut __lane, __step| async move {
                            let __copy = __rt::Copier::of(&__lane).copier();
                            while let __rt::Some(__message) = __lane.next().await? {
                                let __sent = {
                                    let __sums = __rt::As::<
                                        Vec<u64>,
                                    >::take(__message, __copy, &__step)?;
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(look(__sums)).checked()?.outputs(),
                                    );
                                    while let __rt::Some(_) = __outputs.next(&__step).await? {}
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
fn several_arguments() {
    check(
        "source = QUAKES",
        "fn look(limits: State<Limits>, r#type: Quake, key: Key<String>) {}",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __rt::Asks::<State<Limits>>::of().ask(__wiring.needs());
                __rt::Asks::<Quake>::of().ask(__wiring.needs());
                __rt::Asks::<Key<String>>::of().ask(__wiring.needs());
                __wiring
                    .handle(
                        __rt::shared(&QUAKES).untry().copied(),
                        |__flow| __flow,
                        |mut __lane, __step| async move {
                            let __copy = __rt::Copier::of(&__lane).copier();
                            while let __rt::Some(__message) = __lane.next().await? {
                                let __sent = {
                                    let __limits = __rt::As::<
                                        State<Limits>,
                                    >::look(__message, &__step)?;
                                    let __type = __rt::As::<Quake>::look(__message, &__step)?;
                                    let __key = __rt::As::<
                                        Key<String>,
                                    >::look(__message, &__step)?;
                                    let __rest = __rt::Rest::of(__message, __copy, &__step);
                                    let (__limits, __rest) = __rest.take(__limits)?;
                                    let (__type, __rest) = __rest.take(__type)?;
                                    let (__key, _) = __rest.take(__key)?;
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(look(__limits, __type, __key))
                                            .checked()?
                                            .outputs(),
                                    );
                                    while let __rt::Some(_) = __outputs.next(&__step).await? {}
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
fn several_sources() {
    check(
        "source = [numbers, WORDS], pipe = [pairwise]",
        "fn look((a, b): (u64, u64)) {}",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring.pipes(&["pairwise"]);
                __rt::Asks::<(u64, u64)>::of().ask(__wiring.needs());
                let mut __merge = __wiring.merge::<(u64, u64)>();
                __merge
                    .source(
                        __rt::shared(&numbers).untry().copied(),
                        |__flow| {
                            let __flow = __rt::out(__rt::through(__flow, pairwise).staged());
                            __flow
                        },
                        |__item| __rt::mixed::<(u64, u64), _, _>(__item),
                    );
                __merge
                    .source(
                        __rt::shared(&WORDS).untry().copied(),
                        |__flow| {
                            let __flow = __rt::out(__rt::through(__flow, pairwise).staged());
                            __flow
                        },
                        |__item| __rt::mixed::<(u64, u64), _, _>(__item),
                    );
                __merge
                    .handle(|mut __lane, __step| async move {
                        let __copy = __rt::Copier::of(&__lane).copier();
                        while let __rt::Some(__message) = __lane.next().await? {
                            let __sent = {
                                let __argument_0 = __rt::As::<
                                    (u64, u64),
                                >::take(__message, __copy, &__step)?;
                                let mut __outputs = __rt::sendable(
                                    __rt::returned(look(__argument_0)).checked()?.outputs(),
                                );
                                while let __rt::Some(_) = __outputs.next(&__step).await? {}
                                __outputs.sent()
                            };
                            __lane.end(__sent).await?;
                        }
                        __rt::Ok(())
                    });
            }"#]],
    );
}
