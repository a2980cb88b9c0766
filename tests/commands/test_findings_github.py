"""`--format github`: workflow commands, with everything escaped that would end one early."""

from commands.reports import ODD, SHORT, STRANGE, TWICE, UNKNOWN, WHOLE, report

from engine.commands.findings import github


def test_each_finding_is_a_command_with_its_place() -> None:
    """File, line and columns of the mark, the code as the title, the sentence with the advice, other places below."""
    assert github.show(report([SHORT, UNKNOWN, TWICE])).splitlines() == [
        '::warning file=support/rules/10-a.yaml,line=4,col=20,endColumn=22,title=W504::"ip" is short: write more',
        (
            "::error file=support/rules/10-a.yaml,line=5,col=14,endColumn=25,title=E112::"
            'no channel is named "suport-voip": did you mean "support-voip"?'
        ),
        (
            "::error file=support/rules/10-a.yaml,line=8,col=9,endColumn=13,title=E201::"
            'a rule named "voip" exists already: give one of them another name, or keep one'
            '%0Asupport/rules/10-a.yaml:3: the first "voip" stands here'
        ),
        "2 errors, 1 warning in 1 file; the examples are tried once there are no other errors",
    ]


def test_a_finding_about_a_whole_file_has_no_line() -> None:
    """Line 0 does not exist."""
    assert github.show(report([WHOLE])).splitlines()[0] == (
        "::error file=support/rules/b.yml,title=E212::a file that ends in .yml is not read: b"
    )


def test_signs_that_end_a_command_are_escaped() -> None:
    """A percent sign and line ends everywhere, colon and comma in properties too."""
    escaped = "a 50%25:%0D%0Ab, c"
    assert ODD == "a 50%:\r\nb, c"
    assert github.show(report([STRANGE])).split("\n")[0] == (
        f"::warning file=support/rules/ü %3A%2C%25.yaml,line=1,col=1,endColumn=4,title=W505::{escaped}: {escaped}"
    )


def test_without_findings_only_the_count_is_left() -> None:
    """No command at all."""
    assert github.show(report()) == "3 rules, 4 examples checked: no findings\n"
