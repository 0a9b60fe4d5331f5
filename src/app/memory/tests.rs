use crate::app::memory::LEAST;
use crate::app::memory::budget;
use crate::app::memory::total_bytes;

#[test]
fn the_narrower_of_group_and_machine_gives_a_quarter() {
    const GIB: u64 = 1 << 30;
    let machine = total_bytes("MemTotal:        8388608 kB\nMemFree:          123 kB\n");
    assert_eq!(machine, Some(8 * GIB));
    let cases = [
        (Some(GIB), machine, GIB / 4),
        (None, machine, 2 * GIB),
        // A control group without a bound of its own says so with a number beyond any machine.
        (Some(u64::MAX - 4095), machine, 2 * GIB),
        (Some(32 << 20), machine, LEAST),
        (None, None, LEAST),
    ];
    for (group, machine, expected) in cases {
        assert_eq!(budget(group, machine), expected, "{group:?} {machine:?}");
    }
}
