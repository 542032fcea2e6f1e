"""Clocks that do not step with the system's."""

from mnist_tui.clocks import RemoteClock, SteadyClock, since_boot


def test_a_steady_clock_measures_durations_across_a_step_of_the_system_clock():
    wall, steady = [1000.0], [5.0]
    clock = SteadyClock(wall=lambda: wall[0], steady=lambda: steady[0])
    assert clock() == 1000.0
    wall[0], steady[0] = -2600.0, 7.0
    assert clock() == 1002.0


def test_a_steady_clock_goes_on_where_an_earlier_session_ended():
    assert SteadyClock(4600.0, wall=lambda: 1000.0, steady=lambda: 5.0)() == 4600.0


def test_the_time_of_another_process_is_that_of_its_newest_event_and_what_has_passed_since():
    wall, steady = [1000.0], [5.0]
    clock = RemoteClock(wall=lambda: wall[0], steady=lambda: steady[0])
    assert clock(None) == 1000.0
    assert clock(900.0) == 1000.0  # read at first: the event may be old
    wall[0], steady[0] = 9000.0, 6.0
    assert clock(900.0) == 1001.0
    assert clock(950.0) == 950.0  # it has just come
    steady[0] = 9.0
    assert clock(950.0) == 953.0


def test_the_time_since_boot_never_goes_back():
    times = [since_boot() for _ in range(100)]
    assert times == sorted(times)
