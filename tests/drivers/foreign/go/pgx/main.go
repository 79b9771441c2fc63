// pgx v5, driven by lines.
package main

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"drivers/lines"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Pgx is one connection.
type Pgx struct {
	connection atomic.Pointer[pgx.Conn]
	mode       pgx.QueryExecMode
	blocks     []pgx.Tx
	prepared   string
}

var modes = map[string]pgx.QueryExecMode{
	"simple": pgx.QueryExecModeSimpleProtocol,
	"text":   pgx.QueryExecModeExec,
	"binary": pgx.QueryExecModeCacheStatement,
}

func main() { lines.Serve(&Pgx{}) }

// Open connects.
func (p *Pgx) Open(mode, url string) (*lines.Result, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	p.mode = modes[mode]
	config.DefaultQueryExecMode = p.mode
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		lines.Notice(told((*pgconn.PgError)(notice)))
	}
	connection, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		return nil, err
	}
	p.connection.Store(connection)
	return &lines.Result{Driver: version("github.com/jackc/pgx/v5")}, nil
}

func version(path string) string {
	info, _ := debug.ReadBuildInfo()
	for _, each := range info.Deps {
		if each.Path == path {
			return strings.TrimPrefix(each.Version, "v")
		}
	}
	return ""
}

// Run is a query in the connection's mode.
func (p *Pgx) Run(statement string, given []any) (*lines.Result, error) {
	rows, err := p.connection.Load().Query(context.Background(), statement, given...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	made := &lines.Result{}
	for _, field := range rows.FieldDescriptions() {
		made.Names = append(made.Names, field.Name)
		made.Types = append(made.Types, field.DataTypeOID)
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		row := make([]any, len(values))
		for i, value := range values {
			if number, is := value.(pgtype.Numeric); is {
				if value, err = driver.Valuer(number).Value(); err != nil {
					return nil, err
				}
			}
			row[i] = lines.Cell(value, rows.FieldDescriptions()[i].DataTypeOID == pgtype.DateOID)
		}
		made.Rows = append(made.Rows, row)
	}
	made.Tag = rows.CommandTag().String()
	made.Count = rows.CommandTag().RowsAffected()
	return made, rows.Err()
}

// Prepare has the server prepare a statement, which pgx then knows by its text.
func (p *Pgx) Prepare(statement string) error {
	p.prepared = statement
	if p.mode != pgx.QueryExecModeCacheStatement {
		return nil
	}
	_, err := p.connection.Load().Prepare(context.Background(), statement, statement)
	return err
}

// Execute is what was prepared.
func (p *Pgx) Execute(given []any) (*lines.Result, error) { return p.Run(p.prepared, given) }

// Batch sends all rows before it waits for the first answer.
func (p *Pgx) Batch(statement string, rows [][]any) error {
	batch := &pgx.Batch{}
	for _, row := range rows {
		batch.Queue(statement, row...)
	}
	return p.connection.Load().SendBatch(context.Background(), batch).Close()
}

// Begin opens a block; inside of one, a savepoint.
func (p *Pgx) Begin() error {
	var block pgx.Tx
	var err error
	if depth := len(p.blocks); depth > 0 {
		block, err = p.blocks[depth-1].Begin(context.Background())
	} else {
		block, err = p.connection.Load().Begin(context.Background())
	}
	if err == nil {
		p.blocks = append(p.blocks, block)
	}
	return err
}

func (p *Pgx) innermost() pgx.Tx {
	last := len(p.blocks) - 1
	block := p.blocks[last]
	p.blocks = p.blocks[:last]
	return block
}

// Commit ends the innermost block well.
func (p *Pgx) Commit() error { return p.innermost().Commit(context.Background()) }

// Rollback ends it otherwise.
func (p *Pgx) Rollback() error { return p.innermost().Rollback(context.Background()) }

// CopyOut gathers what COPY sends.
func (p *Pgx) CopyOut(statement string) (*lines.Result, error) {
	var data bytes.Buffer
	tag, err := p.connection.Load().PgConn().CopyTo(context.Background(), &data, statement)
	return &lines.Result{Data: data.String(), Count: tag.RowsAffected()}, err
}

// CopyIn gives COPY its data.
func (p *Pgx) CopyIn(statement, data string) (*lines.Result, error) {
	tag, err := p.connection.Load().PgConn().CopyFrom(context.Background(), strings.NewReader(data), statement)
	return &lines.Result{Count: tag.RowsAffected()}, err
}

// Cancel asks for the end of what runs.
func (p *Pgx) Cancel() error {
	return p.connection.Load().PgConn().CancelRequest(context.Background())
}

// Close hangs up.
func (p *Pgx) Close() error {
	p.blocks = nil
	return p.connection.Load().Close(context.Background())
}

// Failed is an error in our words.
func (p *Pgx) Failed(err error) lines.Told {
	var known *pgconn.PgError
	if errors.As(err, &known) {
		return told(known)
	}
	return lines.Told{Message: err.Error()}
}

func told(said *pgconn.PgError) lines.Told {
	return lines.Told{
		SQLState: said.Code,
		Severity: said.Severity,
		Message:  said.Message,
		Detail:   said.Detail,
		Hint:     said.Hint,
		Position: int(said.Position),
	}
}
