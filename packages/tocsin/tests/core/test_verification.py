"""A contact method is confirmed by a code at one address; who is ready can be paged by two independent routes."""

import pytest
from whenever import Instant, TimeDelta

from tocsin.core.commands import Reason, Refused
from tocsin.core.contact import MethodKind
from tocsin.core.ids import ChannelName, PersonId
from tocsin.core.limits import CODE_AGAIN_AFTER, CODE_LIVES_FOR, CODE_TRIES_MAX
from tocsin.core.readiness import Facts, readiness, ready
from tocsin.core.rules import Method, Person
from tocsin.core.verification import Verification, asked, confirmed, key_of, method_named

NOON = Instant.from_utc(2026, 11, 24, 12)
PHONE = Method(MethodKind.PHONE, ChannelName("voice"), "+15550100")
SLACK = Method(MethodKind.SLACK, ChannelName("slack"), "U0AF")
MAIL = Method(MethodKind.EMAIL, ChannelName("email"), "ana@example.org")
OLD_MAIL = Method(MethodKind.EMAIL, ChannelName("email"), "ana@old.example.org")
ANA = Person(PersonId("ana"), "Ana", (PHONE, SLACK, MAIL))


def code_for(method: Method = PHONE, now: Instant = NOON) -> Verification:
    return asked(ANA, method, None, "n1", now)[0]


def reason(refused: Refused | None) -> Reason:
    assert refused is not None
    assert refused.detail
    assert refused.remedy
    return refused.reason


def test_the_message_goes_to_the_address_that_is_verified_and_does_not_hold_the_code() -> None:
    made, intent = asked(ANA, PHONE, None, "n1", NOON)
    assert (intent.address, intent.channel, intent.person) == (PHONE.address, PHONE.channel, ANA.id)
    assert (intent.incident, intent.message.verifies) == ("", made.secret_of)
    assert "{code}" in intent.message.subject
    assert "{code}" in intent.message.text
    assert intent.give_up_at == NOON + CODE_LIVES_FOR


def test_the_right_code_confirms_one_method_at_one_address() -> None:
    phone, mail = code_for(), code_for(MAIL)
    after, refused = confirmed([phone, mail], [phone], NOON)
    assert refused is None
    assert [(each.kind, each.verified_at) for each in after] == [(MethodKind.PHONE, NOON)]
    assert after[0].key == key_of(ANA.id, PHONE) != key_of(ANA.id, Method(PHONE.kind, PHONE.channel, "+15550199"))


def test_five_wrong_codes_end_it_even_for_the_right_one() -> None:
    known = code_for()
    for left in range(CODE_TRIES_MAX - 1, 0, -1):
        (known,), refused = confirmed([known], [], NOON)
        assert reason(refused) is Reason.CODE_WRONG
        assert refused is not None
        assert f"{left} tries" in refused.remedy
    (known,), refused = confirmed([known], [], NOON)
    assert reason(refused) is Reason.CODE_LOCKED
    assert confirmed([known], [known], NOON)[0] == ()
    assert reason(confirmed([known], [known], NOON)[1]) is Reason.CODE_LOCKED


def test_an_old_code_one_that_was_never_asked_for_and_one_that_is_used_up_are_told_apart() -> None:
    known = code_for()
    late = NOON + CODE_LIVES_FOR
    assert reason(confirmed([known], [known], late)[1]) is Reason.CODE_EXPIRED
    assert reason(confirmed([], [], NOON)[1]) is Reason.CODE_NOT_ASKED
    (done,), _ = confirmed([known], [known], NOON)
    assert reason(confirmed([done], [done], NOON)[1]) is Reason.CODE_NOT_ASKED


def test_another_code_is_sent_after_a_while_and_makes_the_one_before_worthless() -> None:
    first = code_for()
    with pytest.raises(Refused) as refusal:
        asked(ANA, PHONE, first, "n2", NOON + TimeDelta(seconds=5))
    assert refusal.value.reason is Reason.CODE_JUST_SENT
    second, _ = asked(ANA, PHONE, first, "n2", NOON + CODE_AGAIN_AFTER)
    assert second.key == first.key
    assert second.secret_of != first.secret_of


def test_a_method_is_named_by_its_kind_or_with_its_address() -> None:
    two = Person(ANA.id, "Ana", (PHONE, MAIL, OLD_MAIL))
    assert method_named(two, "phone") == PHONE
    assert method_named(two, "email:ana@example.org") == MAIL
    for name in ("email", "pager", "email:nobody@example.org", ""):
        with pytest.raises(Refused) as refusal:
            method_named(two, name)
        assert refusal.value.reason is Reason.UNKNOWN_METHOD
        assert "phone:+15550100" in refusal.value.remedy


def facts(*verified: Method, configured: str = "voice slack email", **more: object) -> Facts:
    keys = {key_of(ANA.id, method): NOON for method in verified}
    return Facts(frozenset(map(ChannelName, configured.split())), verified=keys, **more)  # type: ignore[arg-type]


def test_two_confirmed_methods_on_two_channels_are_two_routes() -> None:
    found = readiness(ANA, facts(PHONE, SLACK))
    assert (found.ready, found.missing) == (True, "")
    assert [(route.kind.value, route.wrong) for route in found.routes] == [
        ("phone", ""),
        ("slack", ""),
        ("email", "not confirmed by a code"),
    ]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (facts(), "no route that can be relied on"),
        (facts(PHONE), "only phone can be relied on"),
        (facts(PHONE, SLACK, configured="voice"), "only phone can be relied on"),
        (facts(PHONE, SLACK, unhealthy={"slack": "no answer in time"}), "only phone can be relied on"),
        (facts(PHONE, SLACK, given_up={key_of(ANA.id, SLACK): NOON + TimeDelta(hours=1)}), "only phone"),
    ],
)
def test_what_is_missing_is_named(given: Facts, missing: str) -> None:
    found = readiness(ANA, given)
    assert not found.ready
    assert missing in found.missing
    assert not ready(ANA, given)


def test_a_method_that_was_confirmed_again_after_a_failure_counts_again() -> None:
    earlier = {key_of(ANA.id, SLACK): NOON - TimeDelta(hours=1)}
    assert ready(ANA, facts(PHONE, SLACK, given_up=earlier))


def test_routes_that_share_a_provider_are_one() -> None:
    sms = Method(MethodKind.SMS, ChannelName("voice+apprise"), "+15550100")
    person = Person(ANA.id, "Ana", (PHONE, sms))
    found = readiness(person, facts(PHONE, sms))
    assert not found.ready
    assert "depends on voice" in found.missing


def test_the_console_reaches_nobody_in_particular_and_who_has_no_method_is_not_ready() -> None:
    console = Method(MethodKind.PHONE, ChannelName("console"), "+15550100")
    person = Person(ANA.id, "Ana", (console,))
    found = readiness(person, facts(console, configured="console"))
    assert "nobody in particular" in found.routes[0].wrong
    assert readiness(Person(ANA.id, "Ana"), facts()).missing == "no contact method"
