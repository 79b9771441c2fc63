// lib/pq by database/sql, driven by lines.
package main

import (
	"context"
	"database/sql"
	"errors"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"

	"drivers/lines"

	"github.com/lib/pq"
)

// Pq is a pool of one connection. lib/pq gives up a connection on which something was cancelled: then the pool makes
// another.
type Pq struct {
	pool     *sql.DB
	prepared *sql.Stmt
	block    *sql.Tx
	cancel   atomic.Pointer[context.CancelFunc]
}

func main() { lines.Serve(&Pq{}) }

// Open connects. How results come is said by the URL: `binary_parameters=yes` asks for binary ones.
func (p *Pq) Open(_, url string) (*lines.Result, error) {
	connector, err := pq.NewConnector(url)
	if err != nil {
		return nil, err
	}
	p.pool = sql.OpenDB(pq.ConnectorWithNoticeHandler(connector, func(said *pq.Error) { lines.Notice(told(said)) }))
	p.pool.SetMaxOpenConns(1)
	info, _ := debug.ReadBuildInfo()
	made := &lines.Result{}
	for _, each := range info.Deps {
		if each.Path == "github.com/lib/pq" {
			made.Driver = strings.TrimPrefix(each.Version, "v")
		}
	}
	return made, p.pool.Ping()
}

func (p *Pq) cancellable() context.Context {
	made, cancel := context.WithCancel(context.Background())
	p.cancel.Store(&cancel)
	return made
}

// Run is a query: by the simple protocol when there is no parameter, which is lib/pq's choice.
func (p *Pq) Run(statement string, given []any) (*lines.Result, error) {
	given = bound(given)
	ctx := p.cancellable()
	if !returnsRows(statement) {
		var done sql.Result
		var err error
		if p.block != nil {
			done, err = p.block.ExecContext(ctx, statement, given...)
		} else {
			done, err = p.pool.ExecContext(ctx, statement, given...)
		}
		return counted(done, err)
	}
	if p.block != nil {
		return gathered(p.block.QueryContext(ctx, statement, given...))
	}
	return gathered(p.pool.QueryContext(ctx, statement, given...))
}

// An array is what lib/pq has a wrapper for.
func bound(given []any) []any {
	made := make([]any, len(given))
	for i, value := range given {
		made[i] = value
		if numbers, is := value.([]int32); is {
			made[i] = pq.Array(numbers)
		}
	}
	return made
}

// database/sql wants to be told which of its methods to use.
func returnsRows(statement string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	switch strings.ToUpper(first) {
	case "SELECT", "WITH", "TABLE", "VALUES", "SHOW", "EXPLAIN", "EXECUTE", "FETCH":
		return true
	}
	return strings.Contains(strings.ToUpper(statement), " RETURNING ")
}

func counted(done sql.Result, err error) (*lines.Result, error) {
	if err != nil {
		return nil, err
	}
	count, err := done.RowsAffected()
	return &lines.Result{Count: count}, err
}

func gathered(rows *sql.Rows, err error) (*lines.Result, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	made := &lines.Result{}
	for _, column := range columns {
		made.Names = append(made.Names, column.Name())
		made.Types = append(made.Types, strings.ToLower(column.DatabaseTypeName()))
	}
	for rows.Next() {
		row := make([]any, len(columns))
		places := make([]any, len(columns))
		for i := range row {
			places[i] = &row[i]
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		for i := range row {
			row[i] = lines.Cell(row[i], columns[i].DatabaseTypeName() == "DATE")
		}
		made.Rows = append(made.Rows, row)
	}
	made.Count = int64(len(made.Rows))
	return made, rows.Err()
}

// Prepare has the server prepare a statement.
func (p *Pq) Prepare(statement string) (err error) {
	if p.prepared != nil {
		p.prepared.Close()
	}
	p.prepared, err = p.pool.PrepareContext(context.Background(), statement)
	return err
}

// Execute is what was prepared.
func (p *Pq) Execute(given []any) (*lines.Result, error) {
	return gathered(p.prepared.QueryContext(p.cancellable(), bound(given)...))
}

// Batch is what lib/pq cannot.
func (p *Pq) Batch(string, [][]any) error { return errors.New("lib/pq has no batch") }

// Begin opens a block.
func (p *Pq) Begin() (err error) {
	p.block, err = p.pool.BeginTx(context.Background(), nil)
	return err
}

// Commit ends it well.
func (p *Pq) Commit() error {
	block := p.block
	p.block = nil
	return block.Commit()
}

// Rollback ends it otherwise.
func (p *Pq) Rollback() error {
	block := p.block
	p.block = nil
	return block.Rollback()
}

// CopyOut is what lib/pq cannot.
func (p *Pq) CopyOut(string) (*lines.Result, error) {
	return nil, errors.New("lib/pq has no COPY TO STDOUT")
}

// CopyIn gives COPY its data: lib/pq wants values, and makes the text format of them itself.
func (p *Pq) CopyIn(statement, data string) (*lines.Result, error) {
	block, err := p.pool.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	defer block.Rollback()
	copying, err := block.Prepare(statement)
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(strings.TrimSuffix(data, "\n"), "\n") {
		var row []any
		for _, field := range strings.Split(line, "\t") {
			if field == `\N` {
				row = append(row, nil)
			} else {
				row = append(row, field)
			}
		}
		if _, err := copying.Exec(row...); err != nil {
			return nil, err
		}
	}
	made, err := counted(copying.Exec())
	if err != nil {
		return nil, err
	}
	if err := copying.Close(); err != nil {
		return nil, err
	}
	return made, block.Commit()
}

// Cancel ends the context of what runs; lib/pq then sends a cancel request.
func (p *Pq) Cancel() error {
	(*p.cancel.Load())()
	return nil
}

// Close hangs up.
func (p *Pq) Close() error {
	p.prepared, p.block = nil, nil
	return p.pool.Close()
}

// Failed is an error in our words.
func (p *Pq) Failed(err error) lines.Told {
	var known *pq.Error
	if errors.As(err, &known) {
		return told(known)
	}
	return lines.Told{Message: err.Error()}
}

func told(said *pq.Error) lines.Told {
	position, _ := strconv.Atoi(said.Position)
	return lines.Told{
		SQLState: string(said.Code),
		Severity: said.Severity,
		Message:  said.Message,
		Detail:   said.Detail,
		Hint:     said.Hint,
		Position: position,
	}
}
