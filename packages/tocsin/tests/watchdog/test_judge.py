"""What a watchdog says, and when: late enough for a restart, again until it is answered, once that all is well."""

from whenever import Instant, TimeDelta

from tocsin.watchdog.judge import Finding, Limits, Say, State, Trouble, answered, judged, said

NOON = Instant.from_utc(2026, 11, 24, 12)
LIMITS = Limits(late=TimeDelta(seconds=60), again_every=TimeDelta(seconds=300))
GONE = Finding(Trouble.UNREACHABLE, "nothing answers at http://tocsin")
DRIFT = Finding(Trouble.DRIFT, "its clock is 90 s behind")


class Dog:
    """A watchdog over time; every message is taken over unless the provider is down."""

    def __init__(self) -> None:
        self.state = State()
        self.said: list[tuple[int, Say]] = []
        self.provider_works = True

    def look(self, second: int, *findings: Finding) -> Say | None:
        now = NOON + TimeDelta(seconds=second)
        self.state, say = judged(self.state, findings, now, LIMITS)
        if say is not None and self.provider_works:
            self.state = said(self.state, say, now)
            self.said.append((second, say))
        return say

    def answer(self, second: int) -> None:
        self.state = answered(self.state, "ines", NOON + TimeDelta(seconds=second))

    @property
    def alarms(self) -> list[int]:
        return [second for second, say in self.said if not say.well]


def test_a_restart_is_nothing_to_be_woken_for() -> None:
    dog = Dog()
    for second in (0, 15, 30, 45):
        assert dog.look(second, GONE) is None
    assert dog.look(59) is None, "and that it is well again is no news"
    assert dog.state.unwell_since is None


def test_a_trouble_that_lasts_is_an_alarm_and_sounds_again_until_all_is_well() -> None:
    dog = Dog()
    for second in range(0, 1000, 15):
        dog.look(second, GONE)
    assert dog.alarms == [60, 360, 660, 960]
    well = dog.look(1000)
    assert well is not None
    assert well.subject == "Tocsin is well again, after 16 min"
    assert dog.look(1015) is None
    assert dog.state.alarms == 0


def test_an_answer_ends_the_alarm_for_what_it_covers_and_for_nothing_else() -> None:
    dog = Dog()
    for second in range(0, 75, 15):
        dog.look(second, GONE)
    dog.answer(70)
    for second in range(75, 1000, 15):
        dog.look(second, GONE)
    assert dog.alarms == [60]
    dog.look(1000, GONE, DRIFT)
    assert dog.alarms == [60, 1000]
    dog.answer(1010)
    dog.look(1500, GONE, DRIFT)
    assert dog.alarms == [60, 1000]
    assert dog.look(1600) is not None, "that all is well is said all the same"
    dog.look(1700, GONE)
    dog.look(1760, GONE)
    assert dog.alarms == [60, 1000, 1760], "an answer holds until all is well, no longer"


def test_what_nobody_took_over_is_said_again_at_the_next_look() -> None:
    dog = Dog()
    dog.look(0, GONE)
    dog.provider_works = False
    assert dog.look(60, GONE) is not None
    assert dog.look(75, GONE) is not None
    dog.provider_works = True
    assert dog.look(90, GONE) is not None
    assert dog.look(105, GONE) is None
    dog.provider_works = False
    assert dog.look(120) is not None
    dog.provider_works = True
    assert dog.look(135) is not None
    assert dog.look(150) is None


def test_an_alarm_says_everything_that_is_wrong_and_what_to_do() -> None:
    dog = Dog()
    dog.look(0, GONE, DRIFT)
    alarm = dog.look(61, GONE, DRIFT)
    assert alarm is not None
    assert alarm.subject == "Tocsin does not work: nothing answers at http://tocsin"
    for words in ("its clock is 90 s behind", "Unwell since 12:00 UTC, 1 min ago", "tocsin watchdog answer"):
        assert words in alarm.text
