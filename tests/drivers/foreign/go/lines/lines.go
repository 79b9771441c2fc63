// Package lines is what the programs for pgx and lib/pq share: requests come as lines on stdin, answers go as lines of
// JSON to stdout. The grammar of both is in ../../program.py.
package lines

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Told is what an ErrorResponse or a NoticeResponse says.
type Told struct {
	SQLState string `json:"sqlstate"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Detail   string `json:"detail"`
	Hint     string `json:"hint"`
	Position int    `json:"position"`
}

// Result is what came of a request.
type Result struct {
	Driver string   `json:"driver,omitempty"`
	Names  []string `json:"names,omitempty"`
	Types  []any    `json:"types,omitempty"`
	Rows   [][]any  `json:"rows,omitempty"`
	Count  int64    `json:"count"`
	Tag    string   `json:"tag,omitempty"`
	Data   string   `json:"data,omitempty"`
}

// Driver does what requests say, but for `cancel`.
type Driver interface {
	Open(mode, url string) (*Result, error)
	Run(statement string, given []any) (*Result, error)
	Prepare(statement string) error
	Execute(given []any) (*Result, error)
	Batch(statement string, rows [][]any) error
	Begin() error
	Commit() error
	Rollback() error
	CopyOut(statement string) (*Result, error)
	CopyIn(statement, data string) (*Result, error)
	Cancel() error
	Close() error
	Failed(err error) Told
}

var (
	writing sync.Mutex
	escapes = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")
)

func say(key string, value any) {
	made, err := json.Marshal(map[string]any{key: value})
	if err != nil {
		panic(err)
	}
	writing.Lock()
	defer writing.Unlock()
	fmt.Println(string(made))
}

// Notice passes a notice on.
func Notice(told Told) { say("notice", told) }

// Serve performs requests, one at a time, until stdin ends; only `cancel` overtakes.
func Serve(driver Driver) {
	requests := make(chan []*string, 1)
	go func() {
		in := bufio.NewScanner(os.Stdin)
		in.Buffer(nil, 1<<26)
		for in.Scan() {
			fields := split(in.Text())
			if *fields[0] != "cancel" {
				requests <- fields
			} else if err := driver.Cancel(); err != nil {
				say("error", driver.Failed(err))
			} else {
				say("cancel", "sent")
			}
		}
		close(requests)
	}()
	for fields := range requests {
		result, err := perform(driver, *fields[0], fields[1:])
		if err != nil {
			say("error", driver.Failed(err))
		} else if result != nil {
			say("result", result)
		} else {
			say("result", struct{}{})
		}
	}
}

func perform(driver Driver, name string, fields []*string) (*Result, error) {
	switch name {
	case "open":
		return driver.Open(*fields[0], *fields[1])
	case "run":
		return driver.Run(*fields[0], values(fields[1:]))
	case "prepare":
		return nil, driver.Prepare(*fields[0])
	case "execute":
		return driver.Execute(values(fields))
	case "batch":
		width, err := strconv.Atoi(*fields[1])
		if err != nil {
			return nil, err
		}
		var rows [][]any
		for all := values(fields[2:]); len(all) > 0; all = all[width:] {
			rows = append(rows, all[:width])
		}
		return nil, driver.Batch(*fields[0], rows)
	case "begin":
		return nil, driver.Begin()
	case "commit":
		return nil, driver.Commit()
	case "rollback":
		return nil, driver.Rollback()
	case "copyout":
		return driver.CopyOut(*fields[0])
	case "copyin":
		return driver.CopyIn(*fields[0], *fields[1])
	case "close":
		return nil, driver.Close()
	}
	return nil, fmt.Errorf("no such request: %s", name)
}

func split(line string) []*string {
	var fields []*string
	for _, field := range strings.Split(line, "\t") {
		if field == `\N` {
			fields = append(fields, nil)
			continue
		}
		made := escapes.Replace(field)
		fields = append(fields, &made)
	}
	return fields
}

func values(fields []*string) []any {
	made := make([]any, len(fields))
	for i, field := range fields {
		if field != nil {
			made[i] = value((*field)[0], (*field)[2:])
		}
	}
	return made
}

// A numeric is text: Go has no type of its own for it.
func value(kind byte, text string) any {
	var made any = text
	var err error
	switch kind {
	case 'i':
		made, err = strconv.Atoi(text)
	case 'l':
		made, err = strconv.ParseInt(text, 10, 64)
	case 'b':
		made = text == "true"
	case 'd':
		made, err = time.Parse(time.DateOnly, text)
	case 'a':
		var numbers []int32
		err = json.Unmarshal([]byte("["+text+"]"), &numbers)
		made = numbers
	}
	if err != nil {
		panic(err)
	}
	return made
}

// Cell is a value as the driver made it, as what compares with other drivers' values. `date` says that a time is a day.
func Cell(value any, date bool) any {
	switch known := value.(type) {
	case nil, bool, int, int16, int32, int64, float32, float64, string:
		return known
	case []byte:
		if text := string(known); strings.ToValidUTF8(text, "") == text {
			return text
		}
		return hex.EncodeToString(known)
	case time.Time:
		if date {
			return known.Format(time.DateOnly)
		}
		return known.Format(time.RFC3339Nano)
	}
	made, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(made)
}
