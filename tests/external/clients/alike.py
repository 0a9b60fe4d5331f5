"""Asks the same directly and through the gateway, with every client, and says where what they got differs."""

import traceback


def compare(way, clients, direct, through):
    """The number of cases that end differently. Clients are `(name, server, cases)`; the targets have one a server."""
    failed = 0
    for client, server, cases in clients:
        wrong = [name for name, case in cases.items() if not alike(f"{way}: {client}: {name}", case, direct[server], through[server])]
        failed += len(wrong)
        print(f"{way}: {client}: {len(cases) - len(wrong)} of {len(cases)} cases alike", flush=True)
    return failed


def alike(name, case, direct, through):
    """Says whether a case ends alike with and without the gateway, and shows where not."""
    try:
        expected = case(direct)
    except Exception:
        print(f"{name}: fails without the gateway", traceback.format_exc(limit=-2), sep="\n")
        return False
    try:
        got = case(through)
    except Exception:
        print(f"{name}: fails", traceback.format_exc(limit=-2), sep="\n")
        return False
    if got != expected:
        print(f"{name}: differs\n  direct:  {shortened(expected)}\n  through: {shortened(got)}")
    return got == expected


def shortened(value):
    text = repr(value)
    return text if len(text) < 2000 else f"{text[:1000]} ... {text[-1000:]}"
