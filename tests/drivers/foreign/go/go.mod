module drivers

// Exact versions; what they stand on follows from them. `go mod tidy` writes the rest and go.sum when it is built.
go 1.25.0

require (
	github.com/jackc/pgx/v5 v5.12.0
	github.com/lib/pq v1.12.3
)
