"""The approvals page: what waits, and a person's answer, in a browser.

`site` puts it together; `signin`, `inbox`, `request` and `history` are its pages, rendered by `render` from
`templates/` with the files of `static/` (`assets`). Who is there is told by `sessions` and `visitor`, whether
a form is ours by `forms`, and when to look again by `pulse`. Duty, visibility and decisions are REST's own.
"""

from __future__ import annotations
