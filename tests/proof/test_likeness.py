"""Likely causes by the words of red checks, held against the obvious way."""

from seatrial.proof._likeness import Known, Likeness

KNOWN = [
    Known(
        "evicts", "Keys are dropped.", "configuration", ("redis",), {"INF-01": "maxmemory policy noeviction expected"}
    ),
    Known("unbounded", "No bound.", "configuration", ("redis",), {"INF-01": "maxmemory bounded expected, nothing"}),
    Known("stuck", "A job is stuck.", "data", ("worker",), {"INF-02": "no entry pending for long"}),
    Known("lost", "A job is lost.", "code", ("worker",), {"INF-02": "every entry has a job"}),
    Known("full", "Redis is full.", "disk", ("redis",), {"INF-02": "maxmemory policy bounded, entry refused"}),
]


def test_the_part_is_named_whose_faults_said_the_like() -> None:
    causes = Likeness(KNOWN).causes({"INF-02": "entry pending for 20 s"})

    assert [(cause.part, cause.fault.fault) for cause in causes] == [("worker", "stuck"), ("redis", "full")]
    assert abs(sum(cause.share for cause in causes) - 1) < 1e-9


def test_two_red_checks_speak_together() -> None:
    causes = Likeness(KNOWN).causes({"INF-01": "maxmemory policy", "INF-02": "maxmemory policy refused"})

    assert (causes[0].part, causes[0].fault.fault) == ("redis", "full")


def test_numbers_do_not_count_and_nothing_alike_is_no_cause() -> None:
    likeness = Likeness(KNOWN)

    assert likeness.causes({"INF-02": "entry 1"}) == likeness.causes({"INF-02": "entry 27"})
    assert likeness.causes({"SEC-09": "maxmemory policy"}) == []


def test_accuracy_leaves_each_fault_out_of_what_diagnoses_it() -> None:
    ours = Likeness(KNOWN).accuracy()

    # "full" alone is of redis among those of its check, and so cannot be named without itself.
    assert (ours.first.found, ours.first.of) == (4, 5)
    assert (ours.among_three.found, ours.among_three.of) == (4, 5)
    assert Likeness(KNOWN[:1]).accuracy().first.found == 0


def test_the_peer_takes_the_other_faults_of_the_first_red_check_by_name() -> None:
    peer = Likeness(KNOWN).peer()

    # lost: first is full (redis), then worker; stuck: first is full; full: lost, stuck.
    assert (peer.first.found, peer.among_three.found, peer.first.of) == (2, 4, 5)
