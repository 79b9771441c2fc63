"""What is sent without a decision of its own shows no rows, whatever the server answers (DESIGN 4)."""

from __future__ import annotations

from tests.session.transcript import play


def test_an_empty_query_has_no_rows() -> None:
    play(
        """
        >> Query ";"
        ?? Judge several ";"
        !! none
        => Parse "" "" / Bind "" "" / Execute "" / Close P "" / Close S "" / Sync
        <= ParseComplete / BindComplete / DataRow "123-45-6789"
        << ErrorResponse FATAL XX000 ...
        => Terminate
        -- Close "a row arrived before its plan was bound" alarm
        """
    )
