"""What every store must do: one suite, run on each implementation by `test_store.py`."""

import asyncio

import pytest
from whenever import Instant, TimeDelta

from tocsin.core.alert import Disposition
from tocsin.core.ids import AlertFingerprint, Digest, GatheringId, IncidentId, IntentId, SignalId
from tocsin.core.kinds import Kind
from tocsin.core.limits import ATTACHMENTS_KEPT
from tocsin.core.messages import MessageKind
from tocsin.store.port import (
    Adoption,
    Append,
    Change,
    Claimed,
    Conflict,
    Counts,
    Heard,
    SignalRecord,
    Store,
    Unaccounted,
)

from .run_contract import BOOSTER, RunContract
from .store_values import (
    NOON,
    a_beat,
    a_declaration,
    a_gathering,
    a_headline,
    a_note,
    a_page,
    a_playbook,
    a_signal,
    a_silence,
    a_swap,
    a_token,
    a_verification,
    after,
    an_absence,
    an_alert,
    an_attachment,
    an_attempt,
    an_import,
    an_intent,
    an_override,
    following,
    handled,
    incident_id,
    opening,
)

INC_1, INC_2, INC_3 = map(incident_id, (1, 2, 3))


class TimelineContract:
    """Incidents: their events, their headlines, and who wrote first."""

    async def test_a_timeline_is_answered_as_it_was_written(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),)))
        await store.commit(Change(appends=(following(1, 1, a_note("first"), a_note("second")),)))
        whole = (a_declaration(1), a_note("first"), a_note("second"))
        assert await store.timeline(INC_1) == whole
        assert await store.timeline(INC_1, after=1) == whole[1:]
        assert await store.timeline(INC_1, after=1, limit=1) == whole[1:2]
        assert await store.timeline(INC_1, after=3) == ()

    async def test_an_unknown_incident_has_no_timeline_and_no_headline(self, store: Store) -> None:
        assert await store.timeline(INC_1) == ()
        assert await store.headline(INC_1) is None
        assert await store.ledger(INC_1) == ()
        assert await store.alerts_of(INC_1) == ()

    async def test_who_decided_on_an_older_timeline_is_refused(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),)))
        await store.commit(Change(appends=(following(1, 1, a_note("mine")),)))
        with pytest.raises(Conflict):
            await store.commit(Change(appends=(following(1, 1, a_note("too late")),)))
        with pytest.raises(Conflict):
            await store.commit(Change(appends=(following(1, 3, a_note("too early")),)))
        assert await store.timeline(INC_1) == (a_declaration(1), a_note("mine"))

    async def test_an_incident_cannot_be_opened_twice(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1, title="the first"),)))
        with pytest.raises(Conflict):
            await store.commit(Change(appends=(opening(1, title="the second"),)))
        headline = await store.headline(INC_1)
        assert headline is not None
        assert headline.title == "the first"

    async def test_an_incident_that_does_not_exist_cannot_be_continued(self, store: Store) -> None:
        with pytest.raises(Conflict):
            await store.commit(Change(appends=(following(1, 1, a_note("where?")),)))
        assert await store.headline(INC_1) is None

    async def test_nothing_of_a_refused_change_is_kept(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),), signals=(a_signal("s1"),)))
        before = await everything(store)
        with pytest.raises(Conflict):
            await store.commit(
                Change(
                    signals=(a_signal("s2"),),
                    handled=(handled("s1"),),
                    alerts=(an_alert("a1"),),
                    appends=(opening(2), opening(1)),
                    intents=(an_intent("i1"),),
                    attempts=(an_attempt("i1", minute=1, outcome="accepted"),),
                    silences=(a_silence("q", ends=10),),
                    tokens=(a_token("t"),),
                    beats=(a_beat("watchdog", seen=1),),
                    verifications=(a_verification("+15550100"),),
                    heard=(Heard("twilio:SM1", NOON),),
                    playbooks=(a_playbook("1"),),
                    arrangements=(an_override("bo", ends=10),),
                    imports=(an_import("i"),),
                    adoptions=(Adoption("1", NOON),),
                    gatherings=(a_gathering("a"),),
                    attachments=(an_attachment("a"),),
                )
            )
        assert await everything(store) == before

    async def test_one_change_may_write_to_an_incident_twice(self, store: Store) -> None:
        twice = (opening(1), following(1, 1, a_note("and"), title="changed"))
        await store.commit(Change(appends=twice))
        assert await store.timeline(INC_1) == (a_declaration(1), a_note("and"))
        assert await store.headline(INC_1) == a_headline(1, title="changed")

    async def test_a_headline_may_change_without_an_event(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),)))
        await store.commit(Change(appends=(following(1, 1, next_due_at=after(30)),)))
        assert await store.next_due_at() == after(30)
        assert await store.timeline(INC_1) == (a_declaration(1),)

    async def test_of_many_who_write_at_once_exactly_one_is_first(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),)))
        rivals = [
            store.commit(Change(appends=(following(1, 1, a_note(str(n))),), signals=(a_signal(str(n)),)))
            for n in range(20)
        ]
        answers = await asyncio.gather(*rivals, return_exceptions=True)
        winners = [n for n, answer in enumerate(answers) if answer is None]
        assert len(winners) == 1
        assert all(isinstance(answer, Conflict) for n, answer in enumerate(answers) if n not in winners)
        assert await store.timeline(INC_1, after=1) == (a_note(str(winners[0])),)
        assert await store.inbox(100) == (a_signal(str(winners[0])),)

    async def test_a_conflict_does_not_spoil_its_neighbours(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),)))
        many = [Change(signals=(a_signal(str(n)),)) for n in range(10)]
        many[4] = Change(appends=(opening(1),), signals=(a_signal("4"),))
        many[6] = Change(appends=(opening(2),), signals=(a_signal("6"),))
        answers = await asyncio.gather(*map(store.commit, many), return_exceptions=True)
        assert [n for n, answer in enumerate(answers) if answer is not None] == [4]
        assert {signal.id for signal in await store.inbox(100)} == set("012356789")
        assert await store.timeline(INC_2) == (a_declaration(2),)

    async def test_incidents_are_listed_newest_first_page_by_page(self, store: Store) -> None:
        for number in range(1, 6):
            await store.commit(Change(appends=(opening(number),)))
        await store.commit(Change(appends=(following(2, 1, a_note("busy")),)))
        first = await store.headlines(limit=2)
        assert [headline.id for headline in first] == ["INC-5", "INC-4"]
        second = await store.headlines(limit=2, before=first[-1].id)
        assert [headline.id for headline in second] == ["INC-3", "INC-2"]
        assert [headline.id for headline in await store.headlines(before=second[-1].id)] == ["INC-1"]
        assert await store.headlines(before=INC_1) == ()
        assert await store.headlines(before=IncidentId("INC-99")) == ()

    async def test_resolved_incidents_can_be_left_out_of_the_list(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1), opening(2), opening(3))))
        await store.commit(Change(appends=(following(2, 1, a_note("done"), resolved_at=after(40)),)))
        assert [headline.id for headline in await store.headlines(open_only=True)] == [INC_3, INC_1]
        assert [headline.id for headline in await store.headlines(open_only=True, before=INC_3)] == [INC_1]
        await store.commit(Change(appends=(following(2, 2, a_note("it came back")),)))
        assert [headline.id for headline in await store.headlines(open_only=True)] == [INC_3, INC_2, INC_1]

    async def test_the_newest_incident_of_each_group_is_found(self, store: Store) -> None:
        await store.commit(
            Change(appends=(opening(1, group_key="a"), opening(2, group_key="a"), opening(3, group_key="b")))
        )
        await store.commit(Change(appends=(following(1, 1, a_note("busy"), group_key="a"),)))
        found = await store.latest_of_group(["a", "b", "nobody's"])
        assert found == {"a": a_headline(2, group_key="a"), "b": a_headline(3, group_key="b")}

    async def test_due_incidents_come_longest_due_first(self, store: Store) -> None:
        minutes = {1: 9, 2: 3, 3: None, 4: 3, 5: 7}
        for number, minute in minutes.items():
            due_at = None if minute is None else after(minute)
            await store.commit(Change(appends=(opening(number, next_due_at=due_at),)))
        assert await store.next_due_at() == after(3)
        assert await store.due(after(2), 10) == ()
        assert await store.due(after(3), 10) == ("INC-2", "INC-4")
        assert await store.due(after(60), 3) == ("INC-2", "INC-4", "INC-5")
        await store.commit(Change(appends=(following(2, 1, a_note("seen to"), next_due_at=after(20)),)))
        assert await store.due(after(10), 10) == ("INC-4", "INC-5", "INC-1")

    async def test_nothing_is_due_before_its_last_nanosecond(self, store: Store) -> None:
        due_at = NOON + TimeDelta(nanoseconds=1)
        await store.commit(Change(appends=(opening(1, next_due_at=due_at),)))
        assert await store.due(NOON, 1) == ()
        assert await store.next_due_at() == due_at
        assert await store.due(due_at, 1) == (INC_1,)

    async def test_what_is_due_in_a_thousand_years_can_be_kept(self, store: Store) -> None:
        far = Instant.from_utc(9999, 12, 31)
        await store.commit(Change(appends=(opening(1, next_due_at=far), opening(2, next_due_at=NOON))))
        assert await store.due(after(1), 10) == (INC_2,)
        assert await store.headline(INC_1) == a_headline(1, next_due_at=far)

    async def test_the_highest_number_is_remembered(self, store: Store) -> None:
        assert await store.last_number() == 0
        await store.commit(Change(appends=(opening(9), opening(10), opening(2))))
        assert await store.last_number() == 10


class AlertContract:
    """Signals as they came in, and the alerts they speak of."""

    async def test_signals_wait_in_order_of_arrival_with_their_bytes_untouched(self, store: Store) -> None:
        odd = bytes(range(256))
        first, second = a_signal("z", body=odd, minute=9), a_signal("a", body=b"", minute=1)
        await store.commit(Change(signals=(first,)))
        await store.commit(Change(signals=(second,)))
        assert await store.inbox(10) == (first, second)

    async def test_a_signal_known_by_its_id_is_passed_over(self, store: Store) -> None:
        await store.commit(Change(signals=(a_signal("s", body=b"first"),)))
        await store.commit(Change(signals=(a_signal("s", body=b"again"), a_signal("t"))))
        assert await store.inbox(10) == (a_signal("s", body=b"first"), a_signal("t"))
        await store.commit(Change(handled=(handled("s"), handled("t"))))
        await store.commit(Change(signals=(a_signal("s"),)))
        assert await store.inbox(10) == ()

    async def test_the_inbox_gives_at_least_one_and_otherwise_no_more_than_asked(self, store: Store) -> None:
        sizes = {"a": 50, "b": 20, "c": 30, "d": 0, "e": 1}
        await store.commit(Change(signals=tuple(a_signal(n, alerts=size) for n, size in sizes.items())))
        for limit, expected in ((1, "a"), (50, "a"), (69, "a"), (70, "ab"), (100, "abc"), (101, "abcd")):
            assert "".join(signal.id for signal in await store.inbox(limit)) == expected
        assert len(await store.inbox(1000)) == 5

    async def test_a_handled_signal_leaves_the_inbox_and_stays_as_evidence(self, store: Store) -> None:
        await store.commit(Change(signals=(a_signal("s"), a_signal("t"))))
        assert await store.signal(SignalId("s")) == SignalRecord(a_signal("s"), None)
        await store.commit(Change(handled=(handled("s", attached=3),)))
        assert await store.inbox(10) == (a_signal("t"),)
        assert await store.signal(SignalId("s")) == SignalRecord(a_signal("s"), handled("s", attached=3))
        assert await store.signal(SignalId("nobody's")) is None

    async def test_what_became_of_a_signal_first_is_what_became_of_it(self, store: Store) -> None:
        await store.commit(Change(signals=(a_signal("s"),), handled=(handled("s", attached=3),)))
        await store.commit(Change(handled=(handled("s", attached=9), handled("nobody's"))))
        assert await store.signal(SignalId("s")) == SignalRecord(a_signal("s"), handled("s", attached=3))
        assert await store.signal(SignalId("nobody's")) is None

    async def test_the_latest_word_on_an_alert_counts(self, store: Store) -> None:
        await store.commit(Change(alerts=(an_alert("a"), an_alert("b"))))
        later = an_alert("a", status="resolved", ended_at=after(4), changes=(NOON, after(4)))
        await store.commit(Change(alerts=(later,)))
        asked = [AlertFingerprint(name) for name in ("a", "b", "nobody's")]
        assert await store.alerts(asked) == {"a": later, "b": an_alert("b")}
        assert await store.alerts([]) == {}

    async def test_an_incidents_alerts_come_firing_first_then_newest(self, store: Store) -> None:
        alerts = (
            an_alert("old", started_at=after(1)),
            an_alert("gone", status="resolved", started_at=after(9)),
            an_alert("new", started_at=after(5)),
            an_alert("equal", started_at=after(5)),
            an_alert("elsewhere", incident=INC_2),
            an_alert("silenced", incident=None, disposition=Disposition.SILENCED),
        )
        await store.commit(Change(alerts=alerts))
        assert [alert.name for alert in await store.alerts_of(INC_1)] == ["equal", "new", "old", "gone"]
        assert [alert.name for alert in await store.alerts_of(INC_1, limit=2)] == ["equal", "new"]

    async def test_alerts_are_found_by_when_they_began_whatever_incident_they_belong_to(self, store: Store) -> None:
        alerts = (
            an_alert("before", started_at=after(1)),
            an_alert("at once", started_at=after(2)),
            an_alert("elsewhere", started_at=after(3), incident=INC_2),
            an_alert("over", started_at=after(4), status="resolved"),
            an_alert("silenced", started_at=after(4), incident=None, disposition=Disposition.SILENCED),
        )
        await store.commit(Change(alerts=alerts))
        found = await store.alerts_since(after(2), 10)
        assert [alert.name for alert in found] == ["at once", "elsewhere", "over", "silenced"]
        assert [alert.name for alert in await store.alerts_since(after(2), 2)] == ["at once", "elsewhere"]
        assert await store.alerts_since(after(5), 10) == ()

    async def test_an_alert_that_moves_to_another_incident_leaves_the_first(self, store: Store) -> None:
        await store.commit(Change(alerts=(an_alert("a"), an_alert("b"))))
        await store.commit(Change(alerts=(an_alert("a", incident=INC_2), an_alert("b", incident=None))))
        assert await store.alerts_of(INC_1) == ()
        assert [alert.name for alert in await store.alerts_of(INC_2)] == ["a"]

    async def test_alerts_are_looked_at_again_when_they_asked_for_it(self, store: Store) -> None:
        assert await store.next_recheck_at() is None
        minutes = {"a": 8, "b": 2, "c": None, "d": 2}
        times = {name: None if minute is None else after(minute) for name, minute in minutes.items()}
        await store.commit(Change(alerts=tuple(an_alert(name, recheck_at=at) for name, at in times.items())))
        assert await store.next_recheck_at() == after(2)
        assert await store.alerts_to_recheck(after(1), 10) == ()
        assert [alert.name for alert in await store.alerts_to_recheck(after(9), 10)] == ["b", "d", "a"]
        assert [alert.name for alert in await store.alerts_to_recheck(after(9), 1)] == ["b"]
        await store.commit(Change(alerts=(an_alert("b"), an_alert("d"))))
        assert await store.next_recheck_at() == after(8)


class OutboxContract:
    """Messages owed, leased, tried, and ended."""

    async def test_messages_are_claimed_by_rank_then_age_then_arrival(self, store: Store) -> None:
        await store.commit(
            Change(
                intents=(
                    an_intent("update", kind=MessageKind.ANNOUNCEMENT, minute=0),
                    an_intent("later page", minute=3),
                    an_intent("page", minute=1),
                    an_intent("equal page", minute=1),
                    an_intent("reminder", kind=MessageKind.REMINDER, minute=0),
                )
            )
        )
        in_line = ["page", "equal page", "later page", "reminder", "update"]
        assert await claimed(store, 5, limit=2) == in_line[:2]
        assert await claimed(store, 5, limit=9) == in_line[2:]

    async def test_a_message_is_not_claimed_before_it_is_due(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("i", minute=4),)))
        assert await store.next_delivery_at() == after(4)
        assert await claimed(store, 3) == []
        assert await claimed(store, 4) == ["i"]

    async def test_a_leased_message_is_nobody_elses_until_its_lease_runs_out(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("i"),)))
        leased = await store.claim(after(1), after(2), 10, {})
        assert leased == ((an_intent("i"), 0),)
        assert await claimed(store, 1.5) == []
        assert await store.next_delivery_at() == after(2)
        assert await claimed(store, 2) == ["i"]

    async def test_what_the_dead_had_in_hand_is_named_until_something_is_heard_of_it(self, store: Store) -> None:
        names = ("tried before", "first", "second", "heard of", "untouched")
        await store.commit(Change(intents=tuple(an_intent(name, minute=at) for at, name in enumerate(names))))
        await store.commit(Change(attempts=(an_attempt("tried before", minute=1, again=3),)))
        assert await claimed(store, 3, limit=3) == ["tried before", "first", "second"]
        assert await claimed(store, 3.5, limit=1) == ["heard of"]
        await store.commit(Change(attempts=(an_attempt("heard of", minute=3.6, again=9),)))
        in_hand = tuple(
            Claimed(an_intent(name, minute=at), tries, after(3))
            for at, name, tries in ((0, "tried before", 1), (1, "first", 0), (2, "second", 0))
        )
        assert await store.abandoned() == in_hand
        ends = (an_attempt("first", minute=3, again=4), an_attempt("second", minute=3, outcome="accepted"))
        await store.commit(Change(attempts=ends))
        assert await store.abandoned() == in_hand[:1]
        assert await claimed(store, 4, limit=9) == ["first", "untouched"], "the rest are in somebody's hands"

    async def test_two_who_claim_at_once_never_get_the_same_message(self, store: Store) -> None:
        await store.commit(Change(intents=tuple(an_intent(str(n)) for n in range(30))))
        shares = await asyncio.gather(*(claimed(store, 1, limit=4) for _ in range(10)))
        taken = [name for share in shares for name in share]
        assert sorted(taken, key=int) == [str(n) for n in range(30)]

    async def test_a_busy_channel_is_spared_and_does_not_hide_the_others(self, store: Store) -> None:
        crowd = tuple(an_intent(f"slack {n}", channel="slack") for n in range(20))
        others = (an_intent("mail", channel="email", minute=1), an_intent("call", channel="phone", minute=1))
        await store.commit(Change(intents=crowd + others))
        assert await claimed(store, 2, limit=5, busy={"slack": 2, "email": 0}) == ["slack 0", "slack 1", "call"]
        assert await claimed(store, 2, limit=5, busy={"slack": 0, "pager": 3}) == ["mail"]
        assert await claimed(store, 2, limit=5, busy={"slack": 9}) == [f"slack {n}" for n in range(2, 7)]

    @pytest.mark.parametrize("crowd", [20, 400])
    async def test_in_a_crowd_the_same_order_and_the_same_limits_hold(self, store: Store, crowd: int) -> None:
        updates = tuple(an_intent(f"update {n}", kind=MessageKind.ANNOUNCEMENT) for n in range(crowd))
        mails = tuple(an_intent(f"mail {n}", kind=MessageKind.NOTICE, channel="email") for n in range(crowd))
        pages = (an_intent("page", minute=3), an_intent("tomorrow", minute=999))
        await store.commit(Change(intents=updates + mails + pages))
        in_line = ["page", "mail 0", "mail 1", "update 0", "update 1"]
        assert await claimed(store, 5, limit=5, busy={"email": 2, "phone": 0}) == in_line
        assert await claimed(store, 5, limit=2, busy={"slack": 1}) == ["mail 2", "mail 3"]
        assert await claimed(store, 5, limit=2, busy={"slack": 1, "email": 0}) == ["update 2"]

    async def test_an_accepted_message_is_done_with(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("i"),)))
        accepted = an_attempt("i", minute=1, outcome="accepted", again=5)
        await store.commit(Change(attempts=(accepted,)))
        assert await store.next_delivery_at() is None
        assert await claimed(store, 99) == []
        (entry,) = await store.ledger(INC_1)
        assert (entry.state, entry.attempts, entry.next_at) == ("accepted", (accepted,), None)

    async def test_a_deferred_message_comes_again_when_its_attempt_said(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("i"),)))
        await store.claim(after(0), after(60), 1, {})
        await store.commit(Change(attempts=(an_attempt("i", minute=1, again=3),)))
        assert await claimed(store, 2) == []
        assert await store.claim(after(3), after(60), 1, {}) == ((an_intent("i"), 1),)

    @pytest.mark.parametrize("outcome", ["rejected", "deferred"])
    async def test_a_message_without_a_next_attempt_is_a_dead_letter(self, store: Store, outcome: str) -> None:
        await store.commit(Change(intents=(an_intent("i"),)))
        await store.commit(Change(attempts=(an_attempt("i", minute=1, outcome=outcome),)))  # type: ignore[arg-type]
        assert await claimed(store, 99) == []
        (entry,) = await store.ledger(INC_1)
        assert (entry.state, entry.next_at) == ("dead", None)
        assert (await store.counts(NOON)).dead_letters == 1

    async def test_a_message_that_was_withdrawn_is_no_dead_letter(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("i"),)))
        await store.commit(Change(attempts=(an_attempt("i", minute=1, outcome="withdrawn"),)))
        assert await claimed(store, 99) == []
        (entry,) = await store.ledger(INC_1)
        assert (entry.state, entry.next_at) == ("withdrawn", None)
        assert (await store.counts(NOON)).dead_letters == 0

    async def test_what_has_ended_stays_ended_but_late_good_news_is_believed(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("given up"), an_intent("done"))))
        ends = (an_attempt("given up", minute=1), an_attempt("done", minute=1, outcome="accepted"))
        await store.commit(Change(attempts=ends))
        late = (an_attempt("given up", minute=2, again=9), an_attempt("done", minute=2, again=9))
        await store.commit(Change(attempts=late))
        assert [entry.state for entry in await store.ledger(INC_1)] == ["dead", "accepted"]
        assert await store.next_delivery_at() is None
        await store.commit(Change(attempts=(an_attempt("given up", minute=3, outcome="accepted"),)))
        assert [entry.state for entry in await store.ledger(INC_1)] == ["accepted", "accepted"]
        assert (await store.counts(NOON)).dead_letters == 0

    async def test_intents_and_attempts_known_already_are_passed_over(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("i"),), attempts=(an_attempt("i", minute=1, again=5),)))
        await store.commit(Change(attempts=(an_attempt("i", minute=5, again=20),)))
        again = (an_attempt("i", minute=1, again=5), an_attempt("i", minute=5, outcome="accepted"))
        await store.commit(Change(intents=(an_intent("i", channel="email"),), attempts=again))
        assert await store.next_delivery_at() == after(20)
        (entry,) = await store.ledger(INC_1)
        assert entry.intent == an_intent("i")
        assert entry.attempts == (an_attempt("i", minute=1, again=5), an_attempt("i", minute=5, again=20))
        assert await store.claim(after(20), after(21), 1, {}) == ((an_intent("i"), 2),)

    async def test_one_obligation_is_answered_as_the_ledger_has_it(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("i"), an_intent("j"))))
        await store.commit(Change(attempts=(an_attempt("i", minute=1, again=5), an_attempt("j", minute=1))))
        entries = {entry.intent.id: entry for entry in await store.ledger(INC_1)}
        for intent, entry in entries.items():
            assert await store.obligation(intent) == entry
        assert await store.obligation(IntentId("nothing")) is None

    async def test_an_attempt_at_nothing_says_nothing(self, store: Store) -> None:
        await store.commit(Change(attempts=(an_attempt("i", minute=1),)))
        await store.commit(Change(intents=(an_intent("i"),)))
        (entry,) = await store.ledger(INC_1)
        assert (entry.state, entry.attempts) == ("waiting", ())

    async def test_the_ledger_names_every_obligation_in_order(self, store: Store) -> None:
        await store.commit(Change(intents=(an_intent("z", minute=5), an_intent("other's", number=2))))
        await store.commit(Change(intents=(an_intent("a", minute=1),)))
        tries = (an_attempt("z", minute=7, again=8), an_attempt("z", minute=6, again=7))
        await store.commit(Change(attempts=tries))
        entries = await store.ledger(INC_1)
        assert [entry.intent.id for entry in entries] == ["z", "a"]
        assert [attempt.at for attempt in entries[0].attempts] == [after(6), after(7)]
        assert entries[1].next_at == after(1)


class SettingsContract:
    """What people set, what stays remembered, and what the metrics show."""

    async def test_silences_are_answered_until_they_are_over(self, store: Store) -> None:
        await store.commit(Change(silences=(a_silence("long", ends=60), a_silence("short", ends=5))))
        await store.commit(Change(silences=(a_silence("third", ends=60, ended_early=3),)))
        assert [silence.id for silence in await store.silences()] == ["long", "short", "third"]
        assert [silence.id for silence in await store.silences(after(2))] == ["long", "short", "third"]
        assert [silence.id for silence in await store.silences(after(3))] == ["long", "short"]
        assert [silence.id for silence in await store.silences(after(5))] == ["long"]
        await store.commit(Change(silences=(a_silence("long", ends=60, ended_early=4),)))
        assert (await store.silences())[0] == a_silence("long", ends=60, ended_early=4)
        assert await store.silences(after(5)) == ()

    async def test_tokens_can_be_revoked_and_stay_known(self, store: Store) -> None:
        await store.commit(Change(tokens=(a_token("one"), a_token("two"))))
        await store.commit(Change(tokens=(a_token("one", revoked=5),)))
        assert await store.tokens() == (a_token("one", revoked=5), a_token("two"))

    async def test_a_heartbeat_is_known_by_its_last_sign_of_life(self, store: Store) -> None:
        await store.commit(Change(beats=(a_beat("watchdog", seen=1), a_beat("backup", seen=2))))
        await store.commit(Change(beats=(a_beat("watchdog", seen=1, missing=9),)))
        assert await store.beats() == {
            "watchdog": a_beat("watchdog", seen=1, missing=9),
            "backup": a_beat("backup", seen=2),
        }

    async def test_a_playbook_version_is_never_overwritten(self, store: Store) -> None:
        await store.commit(Change(playbooks=(a_playbook("1", b"rows"), a_playbook("2", b"other rows"))))
        await store.commit(Change(playbooks=(a_playbook("1", b"forged"),)))
        assert await store.playbook("1") == a_playbook("1", b"rows")
        assert await store.playbook("3") is None

    async def test_arrangements_are_answered_until_they_end_and_the_last_word_on_each_counts(
        self, store: Store
    ) -> None:
        short, long, leave = an_override("a", ends=5), an_override("b", ends=60), an_absence("c", ends=30)
        await store.commit(Change(arrangements=(long, short, leave)))
        await store.commit(Change(arrangements=(asked := a_swap("d", ends=5),)))
        assert await store.arrangements() == (long, short, leave, asked)
        assert await store.arrangements(after(5)) == (long, leave)

        withdrawn = an_override("b", ends=60, withdrawn=10)
        await store.commit(Change(arrangements=(a_swap("d", ends=5, accepted=True), withdrawn)))
        assert await store.arrangements() == (withdrawn, short, leave, a_swap("d", ends=5, accepted=True))
        assert await store.arrangements(after(10)) == (leave,)

    async def test_of_imported_calendars_those_are_answered_that_counted_at_an_instant_or_later(
        self, store: Store
    ) -> None:
        first, second, third = (an_import(name, minute=minute) for name, minute in (("a", 0), ("b", 10), ("c", 20)))
        other = an_import("d", rotation="other", minute=5)
        await store.commit(Change(imports=(first, other, second, third)))
        await store.commit(Change(imports=(an_import("a", minute=59),)))
        assert await store.imports() == (first, other, second, third)
        assert await store.imports(after(10)) == (other, second, third)
        assert await store.imports(after(4)) == (first, other, second, third)
        assert await store.imports(after(30)) == (other, third)

    async def test_adoptions_are_kept_in_order_even_of_the_same_version(self, store: Store) -> None:
        told = tuple(Adoption(version, after(minute)) for minute, version in enumerate("121"))
        for each in told:
            await store.commit(Change(adoptions=(each,)))
        assert await store.adoptions() == told

    async def test_pages_are_found_by_their_time_across_incidents(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1), opening(2))))
        await store.commit(Change(appends=(following(1, 1, a_page("bo", 3)), following(2, 1, a_page("cy", 1)))))
        with pytest.raises(Conflict):
            await store.commit(Change(appends=(following(1, 1, a_page("bo", 3)),)))
        found = [(page.incident, page.person, page.at) for page in await store.pages(NOON, after(60), 10)]
        assert found == [("INC-2", "cy", after(1)), ("INC-1", "bo", after(3))]
        assert len(await store.pages(NOON, after(60), 1)) == 1
        assert await store.pages(after(2), after(3), 10) == ()

    async def test_an_empty_store_counts_nothing(self, store: Store) -> None:
        assert await store.counts(NOON) == Counts(0, 0, None, 0, None, 0, 0)

    async def test_the_last_word_on_a_contact_method_counts(self, store: Store) -> None:
        phone, mail = a_verification("+15550100"), a_verification("+15550101")
        await store.commit(Change(verifications=(phone, mail)))
        await store.commit(Change(verifications=(a_verification("+15550100", verified=5),)))
        assert await store.verifications() == (a_verification("+15550100", verified=5), mail)

    async def test_what_was_heard_is_known_again(self, store: Store) -> None:
        await store.commit(Change(heard=(Heard("twilio:SM1", NOON),)))
        await store.commit(Change(heard=(Heard("twilio:SM1", after(1)), Heard("twilio:SM2", after(1)))))
        assert [await store.heard(f"twilio:SM{number}") for number in (1, 2, 3)] == [True, True, False]

    async def test_the_newest_dead_letters_are_named_with_what_was_tried(self, store: Store) -> None:
        assert await store.given_up(10) == ()
        await store.commit(Change(intents=(an_intent("i1"), an_intent("i2"), an_intent("i3"))))
        for name in ("i1", "i3"):
            await store.commit(Change(attempts=(an_attempt(name, minute=1, outcome="rejected"),)))
        found = await store.given_up(10)
        assert [entry.intent.id for entry in found] == ["i3", "i1"]
        assert found[0].attempts == (an_attempt("i3", minute=1, outcome="rejected"),)
        assert [entry.intent.id for entry in await store.given_up(1)] == ["i3"]

    async def test_each_kind_of_timeline_is_listed_and_numbered_by_itself(self, store: Store) -> None:
        drill = {"id": IncidentId("TEST-1"), "kind": Kind.DRILL, "group_key": "test-page"}
        await store.commit(Change(appends=(opening(1), opening(2))))
        await store.commit(Change(appends=(Append(a_headline(1, **drill), 0, (a_declaration(1),)),)))
        assert [headline.id for headline in await store.headlines()] == [INC_2, INC_1]
        assert [headline.id for headline in await store.headlines(kind=Kind.DRILL)] == ["TEST-1"]
        assert await store.headlines(kind=Kind.HANDOFF) == ()
        assert [headline.id for headline in await store.headlines(kind=Kind.DRILL, open_only=True)] == ["TEST-1"]
        numbers = [await store.last_number(kind) for kind in (Kind.INCIDENT, Kind.DRILL, Kind.HANDOFF)]
        assert (numbers, await store.last_number()) == ([2, 1, 0], 2)
        assert (await store.counts(NOON)).open_incidents == 2, "a drill is no open incident"
        assert "TEST-1" in await store.due(after(5), 10)

    async def test_the_counts_say_what_waits_and_since_when(self, store: Store) -> None:
        await store.commit(
            Change(
                signals=(a_signal("s", minute=3), a_signal("t", minute=4), a_signal("u")),
                handled=(handled("u"),),
                appends=(opening(1), opening(2), opening(3, resolved_at=after(9), next_due_at=None)),
                intents=(an_intent("i", minute=6), an_intent("j", minute=5), an_intent("k", minute=90)),
            )
        )
        counts = await store.counts(after(10))
        assert counts == Counts(2, 2, after(3), 3, after(5), 0, 0)
        assert (await store.counts(after(4))).oldest_intent_due_at is None

    async def test_an_obligation_that_nobody_will_see_to_is_counted(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1), opening(2, next_due_at=None))))
        await store.commit(
            Change(
                alerts=(
                    an_alert("lost", incident=None),
                    an_alert("over", incident=None, status="resolved"),
                    an_alert("hushed", incident=None, disposition=Disposition.SILENCED),
                    an_alert("fine"),
                )
            )
        )
        assert (await store.counts(NOON)).unaccounted == 2
        found = await store.unaccounted()
        assert len(found.alerts) + len(found.timelines) + len(found.messages) == 2
        assert found.alerts == ("lost",)
        assert found.timelines == (INC_2,)
        assert await store.unaccounted(limit=0) == Unaccounted()
        await store.commit(Change(alerts=(an_alert("lost"),)))
        assert (await store.counts(NOON)).unaccounted == 1
        await store.commit(Change(appends=(following(2, 1, a_note("woken")),)))
        assert (await store.counts(NOON)).unaccounted == 0
        assert await store.unaccounted() == Unaccounted()


class DiagnosticsContract:
    """Runs of diagnostics that are owed, and the outputs that timelines name."""

    async def test_what_is_owed_is_answered_worst_first_until_it_has_ended(self, store: Store) -> None:
        await store.commit(Change(gatherings=(a_gathering("a", rank=1), a_gathering("b", rank=0))))
        await store.commit(Change(gatherings=(a_gathering("c", rank=0),)))
        assert [each.id for each in await store.gatherings(9)] == ["b", "c", "a"]
        assert [each.id for each in await store.gatherings(1)] == ["b"]
        assert [each.id for each in await store.gatherings(9, {GatheringId("b")})] == ["c", "a"]

        await store.commit(Change(gatherings=(a_gathering("b", ended=True),)))
        assert await store.gatherings(9) == (a_gathering("c", rank=0), a_gathering("a", rank=1))

    async def test_what_is_owed_is_kept_with_the_event_that_brought_it_about_or_not_at_all(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),)))
        with pytest.raises(Conflict):
            await store.commit(Change(appends=(opening(1),), gatherings=(a_gathering("a"),)))
        assert await store.gatherings(9) == ()

    async def test_an_attachment_is_answered_as_it_was_kept_and_kept_once(self, store: Store) -> None:
        await store.commit(Change(attachments=(an_attachment("a", body=bytes(range(256))),)))
        await store.commit(Change(attachments=(an_attachment("a", body=b"another", minute=5),)))
        kept = await store.attachment(Digest("sha256:a"))
        assert kept == an_attachment("a", body=bytes(range(256)))
        assert await store.attachment(Digest("sha256:b")) is None

    async def test_only_the_newest_attachments_are_kept(self, store: Store) -> None:
        many = tuple(an_attachment(str(n)) for n in range(ATTACHMENTS_KEPT))
        await store.commit(Change(attachments=many))
        assert await store.attachment(Digest("sha256:0")) is not None
        await store.commit(Change(attachments=(an_attachment("new"), an_attachment("newer"))))
        found = [await store.attachment(Digest(f"sha256:{name}")) for name in ("0", "1", "2", "new", "newer")]
        assert [each is not None for each in found] == [False, False, True, True, True]


class StoreContract(
    TimelineContract, AlertContract, OutboxContract, SettingsContract, DiagnosticsContract, RunContract
):
    """All of it, over a fixture ``store``."""


async def claimed(
    store: Store, minute: float, *, limit: int = 100, busy: dict[str, int] | None = None
) -> list[IntentId]:
    """Claim messages for an hour at so many minutes past noon, and name them."""
    leased = await store.claim(after(minute), after(minute + 60), limit, busy or {})
    return [intent.id for intent, _ in leased]


async def everything(store: Store) -> list[object]:
    """Ask a store every question; two stores that answer alike hold the same."""
    incidents = [headline.id for headline in await store.headlines(limit=1000)]
    numbers = range(1, 5)
    return [
        [await store.headlines(), await store.headlines(open_only=True)],
        [await store.headlines(before=incident_id(n), limit=2) for n in numbers],
        [[await store.timeline(incident), await store.timeline(incident, 1, 1)] for incident in incidents],
        [await store.ledger(incident_id(n)) for n in numbers],
        [await store.obligation(each.intent.id) for n in numbers for each in await store.ledger(incident_id(n))],
        [await store.alerts_of(incident_id(n)) for n in numbers],
        [await store.alerts_since(after(minute), 3) for minute in (0, 5, 10)],
        [await store.latest_of_group(["a", "b", "agent-booster"]), await store.last_number()],
        [await store.due(after(minute), 3) for minute in (0, 5, 10, 100)],
        [await store.next_due_at(), await store.next_recheck_at(), await store.next_delivery_at()],
        await store.abandoned(),
        [await store.inbox(limit) for limit in (1, 3, 100)],
        [await store.signal(SignalId(name)) for name in "abcdefgh"],
        await store.alerts([AlertFingerprint(name) for name in "abcdefgh"]),
        [await store.alerts_to_recheck(after(minute), 2) for minute in (0, 5, 10, 100)],
        [await store.silences(), await store.silences(after(5)), await store.tokens(), await store.beats()],
        [await store.playbook("1"), await store.playbook("2"), await store.adoptions()],
        [await store.arrangements(), await store.arrangements(after(5))],
        [await store.imports(), await store.imports(after(5)), await store.pages(NOON, after(5), 3)],
        [await store.gatherings(2), await store.gatherings(9, ("a", "b"))],
        [await store.attachment(Digest(f"sha256:{name}")) for name in "abcdefgh"],
        [await store.runs_due(after(minute), 3) for minute in (0, 5, 100)],
        [await store.next_run_at(), await store.helped((BOOSTER,))],
        [await store.counts(after(minute)) for minute in (0, 5, 100)],
        [await store.headlines(kind=kind) for kind in Kind],
        await store.unaccounted(),
        [await store.verifications(), await store.given_up(5), await store.heard("twilio:SM1")],
    ]
