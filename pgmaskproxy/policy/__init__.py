"""Who may do what. Pure: policy files in, decisions out.

`rules` are the nouns, `loader` makes them out of YAML (`yaml`, `fields`), `principals` says who
can log in and who can approve, `settings` which run-time settings a client may touch. `engine`
decides one statement: `coverage` which rules match, `uses` what is done with labelled columns,
`outputs` which mask each output wears, `refusals` what the client is told.
"""
