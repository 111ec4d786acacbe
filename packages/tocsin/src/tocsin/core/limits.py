"""Every bound in one place, with its unit and its reason. A playbook cannot change these; they protect the machine."""

from typing import Final

from whenever import TimeDelta

BODY_MAX: Final = 16 * 1024 * 1024
"""Bytes of one request. Ten thousand alerts of 1.5 KB each fit; a body larger than that is a mistake or an attack."""

CALLBACK_MAX: Final = 256 * 1024
"""Bytes of what a provider calls back with. The largest, a Slack message with all its blocks, has a fifth of that."""

CALLBACK_AGE_MAX: Final = TimeDelta(minutes=5)
"""How old a signed request may be where its signature names the time, as Slack advises: older ones are replayed."""

ALERTS_PER_SIGNAL: Final = 250
"""Alerts kept in one inbox row. A larger body is split, so that no single step of the intake blocks the others."""

ALERTS_PER_STEP: Final = 500
"""Alerts the intake takes in one step: about 20 ms of work, so a page never waits longer than that behind a storm."""

ALERTS_NAMED_PER_EVENT: Final = 20
"""Alerts named in one timeline entry; the rest are counted. All of them stand in the alert table."""

INCIDENTS_PER_STEP: Final = 100
"""Due incidents reconciled in one step."""

DELIVERIES_PER_STEP: Final = 200
"""Messages claimed from the outbox in one step."""

DELIVERIES_AT_ONCE: Final = 64
"""Attempts under way at the same time, over all channels."""

HANDOFFS_AHEAD_MAX: Final = 100
"""Changes of one rotation looked at together: four days of hourly shifts, should a start come that late."""

PACKET_SPAN: Final = TimeDelta(hours=24 * 7)
"""How far the packet of a hand-off looks back and ahead: the shift of a person who takes weekly turns."""

PACKET_LINES_MAX: Final = 15
"""Lines of each part of a packet in a message; the console shows all of them."""

CODE_LIVES_FOR: Final = TimeDelta(minutes=15)
"""How long a code counts that confirms a contact method: an e-mail may take minutes."""

CODE_TRIES_MAX: Final = 5
"""Wrong codes before one does not count any more: of a million codes a guesser sees five."""

CODE_AGAIN_AFTER: Final = TimeDelta(minutes=1)
"""How soon another code is sent: each one rings somewhere, and gives a guesser five tries more."""

GIVEN_UP_LATELY: Final = TimeDelta(hours=24 * 7)
"""How long a contact method is not relied on after a message was given up there, unless it is confirmed again."""

DEAD_LETTERS_LOOKED_AT: Final = 500
"""The newest dead letters that are looked at to say who is ready."""

CHANNEL_FAILS_AFTER: Final = 2
"""Attempts in a row without an answer after which a channel is said to fail: one is bad luck."""

PULSE_EVERY: Final = TimeDelta(seconds=15)
"""How often the engine proves that it steps and commits: one small write, often enough for a watchdog of a minute."""

LOOP_STALLED_AFTER: Final = TimeDelta(seconds=30)
"""How long a loop may go without finishing a step. Each looks at least every second; its longest step waits for a
provider's time limit."""

PASSES_PER_TICK: Final = 12
"""How often one tick looks again for deadlines that its own answers made due. A ladder has fewer rungs than this."""

NOTE_LENGTH_MAX: Final = 20_000
"""Characters of a note or an update: enough for a pasted log, short enough for a timeline."""

TITLE_LENGTH_MAX: Final = 200
LABELS_MAX: Final = 64
"""Labels of one alert. Prometheus itself refuses far fewer by default."""

LABEL_LENGTH_MAX: Final = 4_096
"""Characters of one label's or annotation's value; longer ones are cut and marked."""

CLOCK_SKEW_MAX: Final = TimeDelta(minutes=5)
"""How far ahead of us a sender's clock may be before its times are replaced by our time of receipt."""

SIGNAL_AGE_MAX: Final = TimeDelta(hours=24)
"""An alert that says it began before this is dated from its receipt: else every deadline would be long past."""

DELIVERY_LEASE: Final = TimeDelta(seconds=45)
"""How long a claimed message belongs to its dispatcher. Longer than any channel's own time limit. A start that knows
itself alone does not wait for it; several nodes over one store would."""

PAGE_PATIENCE: Final = TimeDelta(seconds=60)
"""How long one contact method is tried for a page before the next method is."""

STEPS_PER_PAGE_MAX: Final = 100
"""How often one page is repeated: eight hours of every five minutes. The ladder's alarm pages anew after that too."""

TELL_PATIENCE: Final = TimeDelta(minutes=10)
"""How long one contact method is tried for a notice to one person before the next method is."""

NOTICE_PATIENCE: Final = TimeDelta(hours=6)
"""How long an announcement to an audience is tried before it is a dead letter."""

ROOM_PATIENCE: Final = TimeDelta(hours=2)
"""How long one step on an incident's room is tried. Longer than Slack asks anybody to wait."""

BRIDGE_PATIENCE: Final = TimeDelta(minutes=3)
"""How long a call is waited for where the playbook has an address to use instead. Else as long as a room's steps."""

BRIDGE_TOPIC_MAX: Final = 200
"""Characters of a meeting's topic, as Zoom documents."""

ROOM_NAME_MAX: Final = 72
"""Characters of a room's name. Slack takes 80; the rest is for what tells two of the same name apart."""

ROOM_TOPIC_MAX: Final = 250
"""Characters of a topic, as Slack documents."""

ROOMS_LOOKED_THROUGH: Final = 1_000
"""Incidents, newest first, among which the one of a Slack channel is looked for: a few milliseconds."""

ROOM_NOTES_REMEMBERED: Final = 512
"""Messages of a room that are known to stand in the timeline already, newest last."""

BACKOFF_FIRST: Final = TimeDelta(seconds=1)
BACKOFF_MAX: Final = TimeDelta(minutes=5)

CONFLICTS_MAX: Final = 8
"""How often a decision is made anew because somebody else wrote first."""

INCIDENTS_CACHED: Final = 2_000
"""Folded incidents kept in memory, checked by version; about 4 KB each."""

EVENTS_PER_PAGE: Final = 1_000
ROWS_PER_PAGE: Final = 200
SAMPLES_PER_MEASUREMENT: Final = 64
FLIPS_REMEMBERED: Final = 32
UNDELIVERED_REMEMBERED: Final = 64

SENT_REMEMBERED: Final = 10_000
"""Messages of one incident that carried pages, newest last: those of a whole company, asked several times each."""

GATHERINGS_AT_ONCE: Final = 4
"""Incidents whose diagnostics are gathered at the same time; the worst first, the others wait their turn."""

DIAGNOSTICS_AT_ONCE: Final = 16
"""Diagnostics under way at the same time, over all incidents: paging must not wait for them, nor the watched system
suffer from being looked at."""

ATTACHMENT_MAX: Final = 64 * 1024
"""Bytes kept of one output: a thousand lines of log. More is cut and said to be; looking through it for secrets and
errors takes some 20 ms, and a page waits no longer than that."""

ATTACHMENTS_KEPT: Final = 4_000
"""Outputs kept, the newest ones: 256 MB at the very most, and those of some hundred incidents. The timeline keeps what
they came to for ever."""

SUMMARY_LINES_MAX: Final = 12
"""Lines of a summary: what a tired person reads before they act."""

SUMMARY_LINES_SAID: Final = 3
"""Lines of it that a message carries."""

SUMMARY_LINE_MAX: Final = 240
"""Characters of such a line."""

HISTORY_POINTS_MAX: Final = 720
"""Points asked of one figure's past: one for every half minute of six hours."""

REPEAT_WITHIN: Final = TimeDelta(minutes=1)
"""The same words from the same person within this are one utterance sent twice."""

SILENCED_RECHECK_EVERY: Final = TimeDelta(seconds=60)
"""How soon an alert comes back after its silence was ended early or withdrawn."""

INCIDENTS_WATCHED: Final = 1_000
"""Open incidents, newest first, that are told what was measured. More open ones than this are one storm."""

RELATED_ALERTS_LOOKED_AT: Final = 500
"""Alerts that began while an incident's objectives held, the first of them. More than that is a spike by any count."""

HEALTHY_HOURS_REMEMBERED: Final = 2_000
"""Error logs whose figure from before an incident is kept in memory; another is asked for again."""

SILENCE_MAX: Final = TimeDelta(hours=24 * 90)
"""How long a silence or a maintenance window may last. What is to be quiet for longer should be mended or removed."""

SILENCES_MAX: Final = 500
"""Silences not over yet: each new alert is held against every one of them."""

MATCHERS_MAX: Final = 20
"""Conditions of one silence."""

MATCHER_LENGTH_MAX: Final = 500
"""Characters of a condition's value; a regular expression is tried on every new alert."""

TOKENS_MAX: Final = 1_000
"""Tokens in force: all of them are kept at hand."""

RUNS_REMEMBERED: Final = 64
"""Actions asked for in one incident that it keeps in mind; the timeline has all of them."""

PROPOSALS_OPEN_MAX: Final = 20
"""Actions of one incident that may wait for approval at once. Nobody weighs more against each other."""

OUTPUT_IN_TIMELINE_MAX: Final = 8 * 1024
"""Bytes of an action's output that stand in the timeline: a screenful or two, its beginning and its end."""

RUN_LEASE: Final = TimeDelta(seconds=10)
"""How long a run belongs to the process that began it, unless that process says again that it lives."""

RUN_LEASE_RENEWED_EVERY: Final = TimeDelta(seconds=3)
"""Three times within a lease: one late renewal must not look like a death."""

RUNS_PER_STEP: Final = 20
"""Runs that the runner takes up in one step."""

RUNS_END_WITHIN: Final = TimeDelta(seconds=20)
"""How long a stopping server waits for what it is doing to the watched system; after that nobody knows its outcome."""

STEPS_END_WITHIN: Final = TimeDelta(seconds=5)
"""How long a stopping server lets its loops finish the steps they are in, while requests under way end. A step takes
milliseconds, but it may wait for a measurement, or for its turn in an incident that a whole company was paged for."""

DELIVERIES_END_WITHIN: Final = TimeDelta(seconds=12)
"""How long a stopping server then waits for attempts under way: longer than most providers are given to answer. What
is broken off is in hand of nobody, and the next start takes it up; until then nobody is paged, so it must be short."""

STOPS_WITHIN: Final = TimeDelta(seconds=28)
"""After how long a stopping server ends, whatever holds it: its steps, its runs, and a moment to let go of everything.
Kubernetes kills after 30 seconds, and would not say what it was that did not end."""

ARRANGED_AHEAD_MAX: Final = TimeDelta(hours=24 * 366 * 2)
"""How far ahead an arrangement may begin: nobody knows their holidays of the year after next."""

ARRANGED_FOR_MAX: Final = TimeDelta(hours=24 * 366)
"""How long an arrangement may last. What is to last longer belongs into the playbook."""

ARRANGEMENTS_MAX: Final = 1_000
"""Overrides, absences and swaps not over yet: the question who is on call looks at every one of them."""

IMPORT_BYTES_MAX: Final = 1024 * 1024
"""Bytes of an imported calendar: ten years of weekly shifts of a large team need a tenth of it."""

IMPORTED_SHIFTS_MAX: Final = 5_000
"""Shifts of one imported calendar, its repetitions counted: two years of eight-hour shifts are half of it."""

IMPORTED_REPETITIONS_MAX: Final = 200
"""Repeated events of one imported calendar: each is walked day by day, and a rotation has one for each person."""

IMPORTED_BACK_MAX: Final = TimeDelta(hours=24 * 31)
IMPORTED_AHEAD_MAX: Final = TimeDelta(hours=24 * 731)
"""How far a repetition without an end is followed; an import next year goes on from there."""

FEEDS_PER_PERSON: Final = 10
"""Secret calendar addresses of one person that work at the same time: a phone, a laptop, and some forgotten ones."""

PAGES_COUNTED_MAX: Final = 50_000
"""Pages counted for the load of some weeks; more than that is no load but a broken playbook."""

CALENDAR_SPAN_MAX: Final = TimeDelta(hours=24 * 750)
"""How much of the calendar is answered at once: a year back and a year ahead."""

ASKED_AHEAD_MAX: Final = TimeDelta(hours=24 * 366 * 10)
"""How far from now one may ask who is on call: calendars do not go on for ever."""

PARAMETER_LENGTH_MAX: Final = 200
"""Characters of one value of an action's parameter. A host name has at most 253; nobody pings one that long."""

ACTION_OUTPUT_MAX: Final = 64 * 1024
"""Bytes kept of what an action said: a thousand lines of a log. Its beginning and its end are kept, the middle goes."""

ACTION_TIME_MAX: Final = TimeDelta(minutes=30)
"""The longest that a playbook may let one action take. What takes longer is a job, not a mitigation."""

LOG_LINES_MAX: Final = 5_000
"""Lines of a log that an action may ask for."""
