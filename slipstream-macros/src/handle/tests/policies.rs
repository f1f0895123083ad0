//! Options beside source, pipe and sink.

use super::check;
use expect_test::expect;

#[test]
fn retry_then_dead_letter_within_a_time() {
    check(
        "source = QUAKES, sink = [COUNTS], on_error = retry(3, fixed(secs(1))).then(dead_letter(&DEAD)), \
         timeout = secs(5), name = \"count\"",
        "async fn counted(quake: Quake) -> Result<(String, u64)> { todo(quake) }",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring.named("count");
                __wiring.sinks(&["COUNTS"]);
                __wiring
                    .on_error({
                        #[allow(unused_imports)]
                        use ::slipstream::policy::*;
                        #[allow(unused_imports)]
                        use ::slipstream::prelude::dead_letter;
                        retry(3, fixed(secs(1))).then(dead_letter(&DEAD))
                    });
                __wiring.timeout(secs(5));
                __rt::Declared(&COUNTS).declare(__wiring.sink(0));
                __rt::Asks::<Quake>::of().ask(__wiring.needs());
                __wiring
                    .handle(
                        __rt::shared(&QUAKES).untry().copied(),
                        |__flow| __flow,
                        |mut __lane, __step| async move {
                            let __copy = __rt::kept(&__lane);
                            __lane.buries();
                            while let __rt::Some(__message) = __lane.next().await? {
                                let __sent = {
                                    let __quake = __rt::As::<
                                        Quake,
                                    >::take(__message, __copy, &__step)?;
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(counted(__quake).await).checked()?.outputs(),
                                    );
                                    let __shown = __rt::sent_by(&__outputs).shown();
                                    let __sink_1 = __rt::Offer(&COUNTS).sink().fit(__shown);
                                    while let __rt::Some(__item) = __outputs.next(&__step).await?
                                    {
                                        __rt::resend(&__step, 0, __item, &__sink_1).await?;
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
fn concurrency_by_a_key() {
    check(
        "source = numbers, pipe = [enumerate], concurrency = 8, key = |pair: &(usize, u64)| pair.1, buffer = 64",
        "async fn look(pair: (usize, u64)) {}",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring.pipes(&["enumerate"]);
                __wiring.buffer(64);
                __rt::Asks::<(usize, u64)>::of().ask(__wiring.needs());
                __wiring
                    .concurrent(
                        8,
                        __rt::shared(&numbers).untry().copied(),
                        |__flow| {
                            let __flow = __rt::out(__rt::through(__flow, enumerate).staged());
                            __flow
                        },
                        __rt::keyed::<(usize, u64), _, _, _>(|pair: &(usize, u64)| pair.1),
                        |mut __lane, __step| async move {
                            let __copy = __rt::Copier::of(&__lane).copier();
                            while let __rt::Some(__message) = __lane.next().await? {
                                let __sent = {
                                    let __pair = __rt::As::<
                                        (usize, u64),
                                    >::take(__message, __copy, &__step)?;
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(look(__pair).await).checked()?.outputs(),
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
fn concurrency_by_the_key_of_a_record() {
    check(
        "source = QUAKES, concurrency = 8",
        "fn look(quake: &Quake) {}",
        expect![[r#"
        fn __wire(__wiring: &mut __rt::Wiring<'_>) {
            __wiring
                .concurrent(
                    8,
                    __rt::shared(&QUAKES).untry().copied(),
                    |__flow| __flow,
                    __rt::by_record(),
                    |mut __lane, __step| async move {
                        while let __rt::Some(__message) = __lane.next().await? {
                            let __sent = {
                                let __quake = __rt::As::<Quake>::view(__message.look()?);
                                let mut __outputs = __rt::sendable(
                                    __rt::returned(look(__quake)).checked()?.outputs(),
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
fn another_name_of_the_library() {
    check(
        "source = numbers, crate = deep::slip, on_error = skip",
        "fn look(n: &u64) {}",
        expect![[r#"
        fn __wire(__wiring: &mut __rt::Wiring<'_>) {
            __wiring
                .on_error({
                    #[allow(unused_imports)]
                    use deep::slip::policy::*;
                    #[allow(unused_imports)]
                    use deep::slip::prelude::dead_letter;
                    skip
                });
            __wiring
                .handle_lent(
                    __rt::shared(&numbers).untry().copied(),
                    |mut __lane, __step| async move {
                        while let __rt::Some(__message) = __lane.next().await? {
                            let __sent = {
                                let __n = __rt::As::<u64>::view(__message.look()?);
                                let mut __outputs = __rt::sendable(
                                    __rt::returned(look(__n)).checked()?.outputs(),
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
fn checkpoints_before_the_call() {
    check(
        "source = ACTIVITY, after = [SYNC], before = [NEXT.dependency(\"activity\")], time = |it| it.at, sink = [print]",
        "fn join(activity: &Activity, downtime: Downtime) -> String { todo(activity, downtime) }",
        expect![[r#"
            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                __wiring.sinks(&["print"]);
                __wiring.after(&SYNC);
                __wiring.before(NEXT.dependency("activity"));
                __rt::Asks::<Downtime>::of().ask(__wiring.needs());
                __wiring
                    .handle_lent(
                        __rt::shared(&ACTIVITY).untry().copied(),
                        |mut __lane, __step| async move {
                            while let __rt::Some(__message) = __lane.next().await? {
                                let __time = __rt::moment::<
                                    Activity,
                                    _,
                                    _,
                                    _,
                                >(|it| it.at, __message.look()?);
                                __rt::after(&SYNC, __time, true).await?;
                                __rt::before(NEXT.dependency("activity"), __time).await?;
                                let __sent = {
                                    let __activity = __rt::As::<
                                        Activity,
                                    >::view(__message.look()?);
                                    let __downtime = __rt::As::<
                                        Downtime,
                                    >::look(__message, &__step)?;
                                    let __rest = __rt::Rest::taken();
                                    let (__downtime, _) = __rest.take(__downtime)?;
                                    let mut __outputs = __rt::sendable(
                                        __rt::returned(join(__activity, __downtime))
                                            .checked()?
                                            .outputs(),
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
fn a_checkpoint_by_the_time_of_a_record() {
    check(
        "source = WEATHER, before = [SYNC]",
        "fn beat() {}",
        expect![[r#"
        fn __wire(__wiring: &mut __rt::Wiring<'_>) {
            __wiring.before(&SYNC);
            __wiring
                .handle_lent(
                    __rt::shared(&WEATHER).untry().copied(),
                    |mut __lane, __step| async move {
                        while let __rt::Some(__message) = __lane.next().await? {
                            let __time = __rt::recorded(__message, &__step);
                            __rt::before(&SYNC, __time).await?;
                            let __sent = {
                                let mut __outputs = __rt::sendable(
                                    __rt::returned(beat()).checked()?.outputs(),
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
