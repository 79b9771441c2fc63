/* psqlODBC by unixODBC, driven by lines: requests on stdin, answers as JSON on stdout. The grammar of both is in
 * ../program.py. */
#include <pthread.h>
#include <sql.h>
#include <sqlext.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FIELDS = 16384, MAX_HANDLES = 1024, MAX_COLUMNS = 64, MAX_TEXT = 65536 };

struct request {
    char *line;
    int count;
    char *fields[MAX_FIELDS]; /* NULL for null */
};

/* A value that is bound has to stay where it is until the statement has been executed. */
struct value {
    SQLBIGINT number;
    SQLLEN length;
};

static SQLHENV environment;
static SQLHDBC connection;
static SQLHSTMT statement;
static SQLHSTMT prepared;
static SQLHSTMT running;
static SQLHSTMT handles[MAX_HANDLES];
static int handle_count;
static struct request work;
static bool busy;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void print_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char each = (unsigned char)*text;
        if (each == '"' || each == '\\')
            printf("\\%c", each);
        else if (each < ' ')
            printf("\\u%04x", each);
        else
            putchar(each);
    }
    putchar('"');
}

static void print_diagnostic(SQLSMALLINT kind, SQLHANDLE handle, SQLSMALLINT number)
{
    SQLCHAR state[6] = "", message[8192] = "";
    SQLSMALLINT length;
    SQLGetDiagRec(kind, handle, number, state, NULL, message, sizeof message, &length);
    printf("{\"sqlstate\": ");
    print_text((char *)state);
    printf(", \"message\": ");
    print_text((char *)message);
    printf("}");
}

/* What a statement said besides its result: notices, once it has ended. */
static void print_notices(SQLSMALLINT kind, SQLHANDLE handle)
{
    SQLCHAR state[6];
    SQLSMALLINT number;
    for (number = 1; SQL_SUCCEEDED(SQLGetDiagRec(kind, handle, number, state, NULL, NULL, 0, NULL)); number++) {
        printf("{\"notice\": ");
        print_diagnostic(kind, handle, number);
        printf("}\n");
    }
}

static bool ok(SQLRETURN result, SQLSMALLINT kind, SQLHANDLE handle)
{
    if (result == SQL_SUCCESS_WITH_INFO)
        print_notices(kind, handle);
    if (SQL_SUCCEEDED(result) || result == SQL_NO_DATA)
        return true;
    printf("{\"error\": ");
    print_diagnostic(kind, handle, 1);
    printf("}\n");
    return false;
}

static void print_cell(SQLHSTMT of, SQLUSMALLINT column, SQLSMALLINT type)
{
    SQLLEN length;
    if (type == SQL_INTEGER || type == SQL_SMALLINT || type == SQL_BIGINT) {
        SQLBIGINT number = 0;
        SQLGetData(of, column, SQL_C_SBIGINT, &number, sizeof number, &length);
        if (length == SQL_NULL_DATA)
            printf("null");
        else
            printf("%lld", (long long)number);
        return;
    }
    char *text = calloc(1, MAX_TEXT);
    SQLGetData(of, column, SQL_C_CHAR, text, MAX_TEXT, &length);
    if (length == SQL_NULL_DATA)
        printf("null");
    else
        print_text(text);
    free(text);
}

static void print_result(SQLHSTMT of)
{
    SQLSMALLINT columns = 0, types[MAX_COLUMNS] = {0};
    SQLLEN count = 0;
    SQLNumResultCols(of, &columns);
    SQLRowCount(of, &count);
    printf("{\"result\": {\"names\": [");
    for (SQLSMALLINT i = 1; i <= columns; i++) {
        SQLCHAR name[64];
        SQLDescribeCol(of, (SQLUSMALLINT)i, name, sizeof name, NULL, &types[i], NULL, NULL, NULL);
        printf(i > 1 ? ", " : "");
        print_text((char *)name);
    }
    printf("], \"types\": [");
    for (SQLSMALLINT i = 1; i <= columns; i++) {
        SQLCHAR name[64] = "";
        SQLColAttribute(of, (SQLUSMALLINT)i, SQL_DESC_TYPE_NAME, name, sizeof name, NULL, NULL);
        printf(i > 1 ? ", " : "");
        print_text((char *)name);
    }
    printf("], \"rows\": [");
    for (bool first = true; columns && SQL_SUCCEEDED(SQLFetch(of)); first = false) {
        printf(first ? "[" : ", [");
        for (SQLSMALLINT i = 1; i <= columns; i++) {
            printf(i > 1 ? ", " : "");
            print_cell(of, (SQLUSMALLINT)i, types[i]);
        }
        printf("]");
    }
    printf("], \"count\": %ld}}\n", (long)count);
    SQLFreeStmt(of, SQL_CLOSE);
}

static void bind(SQLHSTMT to, SQLUSMALLINT number, char *field, struct value *made)
{
    char *text = field ? field + 2 : "";
    SQLSMALLINT type = SQL_VARCHAR;
    made->length = field ? (SQLLEN)strlen(text) : SQL_NULL_DATA;
    switch (field ? field[0] : 's') {
    case 'i':
    case 'l':
    case 'b':
        type = field[0] == 'i' ? SQL_INTEGER : field[0] == 'l' ? SQL_BIGINT : SQL_BIT;
        made->number = field[0] == 'b' ? !strcmp(text, "true") : atoll(text);
        SQLBindParameter(to, number, SQL_PARAM_INPUT, SQL_C_SBIGINT, type, 0, 0, &made->number, 0, &made->length);
        return;
    case 'n':
        type = SQL_NUMERIC;
        break;
    case 'd':
        type = SQL_TYPE_DATE;
        break;
    }
    SQLBindParameter(to, number, SQL_PARAM_INPUT, SQL_C_CHAR, type, strlen(text) ? strlen(text) : 1,
                     type == SQL_NUMERIC ? 2 : 0, text, 0, &made->length);
}

static bool execute(SQLHSTMT of, int count, char **given)
{
    struct value *values = calloc((size_t)count + 1, sizeof *values);
    for (int i = 0; i < count; i++)
        bind(of, (SQLUSMALLINT)(i + 1), given[i], &values[i]);
    running = of;
    bool well = ok(SQLExecute(of), SQL_HANDLE_STMT, of);
    SQLFreeStmt(of, SQL_RESET_PARAMS);
    free(values);
    return well;
}

static SQLHSTMT handle(void)
{
    if (handle_count == MAX_HANDLES)
        abort();
    SQLAllocHandle(SQL_HANDLE_STMT, connection, &handles[handle_count]);
    return handles[handle_count++];
}

/* Handles are kept until the connection ends. psqlODBC names what it prepares for a handle's address, and puts off
 * deallocating it while it believes that the transaction has failed: the next handle may have the same address. */
static void prepare(SQLHSTMT *made, char *sql)
{
    *made = handle();
    SQLPrepare(*made, (SQLCHAR *)sql, SQL_NTS);
}

/* One call with an array of values, as text, for each parameter. */
static bool batch(int width, int count, char **given)
{
    enum { WIDTH = 64 };
    SQLULEN rows = (SQLULEN)(count / width);
    char *texts = calloc((size_t)count, WIDTH);
    SQLLEN *lengths = calloc((size_t)count, sizeof *lengths);
    SQLSetStmtAttr(statement, SQL_ATTR_PARAMSET_SIZE, (SQLPOINTER)rows, 0);
    for (SQLULEN column = 0; column < (SQLULEN)width; column++) {
        SQLSMALLINT type = given[column][0] == 's' ? SQL_VARCHAR : SQL_INTEGER;
        for (SQLULEN row = 0; row < rows; row++) {
            snprintf(texts + (column * rows + row) * WIDTH, WIDTH, "%s", given[row * (SQLULEN)width + column] + 2);
            lengths[column * rows + row] = SQL_NTS;
        }
        SQLBindParameter(statement, (SQLUSMALLINT)(column + 1), SQL_PARAM_INPUT, SQL_C_CHAR, type, WIDTH, 0,
                         texts + column * rows * WIDTH, WIDTH, lengths + column * rows);
    }
    bool well = ok(SQLExecute(statement), SQL_HANDLE_STMT, statement);
    SQLFreeStmt(statement, SQL_RESET_PARAMS);
    free(texts);
    free(lengths);
    return well;
}

static bool committing(bool automatically)
{
    SQLPOINTER value = (SQLPOINTER)(SQLULEN)(automatically ? SQL_AUTOCOMMIT_ON : SQL_AUTOCOMMIT_OFF);
    return ok(SQLSetConnectAttr(connection, SQL_ATTR_AUTOCOMMIT, value, 0), SQL_HANDLE_DBC, connection);
}

static void done(bool well)
{
    if (well)
        printf("{\"result\": {}}\n");
}

/* What a program asks that shows a table to a person. */
static SQLRETURN catalog(const char *kind, char *schema, char *table)
{
    SQLCHAR *in = (SQLCHAR *)schema, *of = (SQLCHAR *)table;
    if (!strcmp(kind, "tables"))
        return SQLTables(statement, NULL, 0, in, SQL_NTS, NULL, 0, NULL, 0);
    if (!strcmp(kind, "columns"))
        return SQLColumns(statement, NULL, 0, in, SQL_NTS, of, SQL_NTS, NULL, 0);
    if (!strcmp(kind, "primaryKeys"))
        return SQLPrimaryKeys(statement, NULL, 0, in, SQL_NTS, of, SQL_NTS);
    if (!strcmp(kind, "importedKeys"))
        return SQLForeignKeys(statement, NULL, 0, NULL, 0, NULL, 0, NULL, 0, in, SQL_NTS, of, SQL_NTS);
    if (!strcmp(kind, "exportedKeys"))
        return SQLForeignKeys(statement, NULL, 0, in, SQL_NTS, of, SQL_NTS, NULL, 0, NULL, 0, NULL, 0);
    if (!strcmp(kind, "indexes"))
        return SQLStatistics(statement, NULL, 0, in, SQL_NTS, of, SQL_NTS, SQL_INDEX_ALL, SQL_QUICK);
    if (!strcmp(kind, "bestRow"))
        return SQLSpecialColumns(statement, SQL_BEST_ROWID, NULL, 0, in, SQL_NTS, of, SQL_NTS, SQL_SCOPE_SESSION,
                                 SQL_NULLABLE);
    if (!strcmp(kind, "functions"))
        return SQLProcedures(statement, NULL, 0, in, SQL_NTS, NULL, 0);
    if (!strcmp(kind, "functionColumns"))
        return SQLProcedureColumns(statement, NULL, 0, in, SQL_NTS, NULL, 0, NULL, 0);
    if (!strcmp(kind, "privileges"))
        return SQLTablePrivileges(statement, NULL, 0, in, SQL_NTS, of, SQL_NTS);
    return SQLGetTypeInfo(statement, SQL_ALL_TYPES);
}

static void perform(struct request *asked)
{
    char *name = asked->fields[0];
    if (!strcmp(name, "open")) {
        SQLCHAR version[64] = "";
        SQLAllocHandle(SQL_HANDLE_DBC, environment, &connection);
        if (!ok(SQLDriverConnect(connection, NULL, (SQLCHAR *)asked->fields[2], SQL_NTS, NULL, 0, NULL,
                                 SQL_DRIVER_NOPROMPT),
                SQL_HANDLE_DBC, connection))
            return;
        SQLGetInfo(connection, SQL_DRIVER_VER, version, sizeof version, NULL);
        printf("{\"result\": {\"driver\": \"%s\"}}\n", version);
    } else if (!strcmp(name, "run") || !strcmp(name, "stream")) {
        if (!strcmp(name, "stream"))
            asked->count = 2; /* how many rows at a time was said when connecting */
        prepare(&statement, asked->fields[1]);
        if (execute(statement, asked->count - 2, asked->fields + 2))
            print_result(statement);
    } else if (!strcmp(name, "metadata")) {
        statement = handle();
        if (ok(catalog(asked->fields[1], asked->fields[2], asked->fields[3]), SQL_HANDLE_STMT, statement))
            print_result(statement);
    } else if (!strcmp(name, "prepare")) {
        prepare(&prepared, asked->fields[1]);
        done(true);
    } else if (!strcmp(name, "execute")) {
        if (execute(prepared, asked->count - 1, asked->fields + 1))
            print_result(prepared);
    } else if (!strcmp(name, "batch")) {
        prepare(&statement, asked->fields[1]);
        done(batch(atoi(asked->fields[2]), asked->count - 3, asked->fields + 3));
    } else if (!strcmp(name, "begin")) {
        done(committing(false));
    } else if (!strcmp(name, "commit") || !strcmp(name, "rollback")) {
        SQLSMALLINT how = strcmp(name, "commit") ? SQL_ROLLBACK : SQL_COMMIT;
        done(ok(SQLEndTran(SQL_HANDLE_DBC, connection, how), SQL_HANDLE_DBC, connection) && committing(true));
    } else if (!strcmp(name, "close")) {
        running = NULL;
        while (handle_count)
            SQLFreeHandle(SQL_HANDLE_STMT, handles[--handle_count]);
        SQLDisconnect(connection);
        SQLFreeHandle(SQL_HANDLE_DBC, connection);
        done(true);
    } else {
        printf("{\"error\": {\"sqlstate\": \"\", \"message\": \"no such request\"}}\n");
    }
}

static void *worker(void *unused)
{
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!busy)
            pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        perform(&work);
        fflush(stdout);
        free(work.line);
        pthread_mutex_lock(&lock);
        busy = false;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void split(char *line, struct request *made)
{
    char *out = line;
    *made = (struct request){.line = line, .count = 1, .fields = {line}};
    for (char *in = line; *in && *in != '\n'; in++) {
        if (*in == '\t' && made->count < MAX_FIELDS) {
            *out++ = '\0';
            made->fields[made->count++] = out;
        } else if (*in == '\\') {
            in++;
            if (*in == 'N')
                made->fields[made->count - 1] = NULL;
            else
                *out++ = *in == 'n' ? '\n' : *in == 't' ? '\t' : *in == 'r' ? '\r' : *in;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

int main(void)
{
    pthread_t thread;
    char *line = NULL;
    size_t size = 0;
    SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &environment);
    SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    pthread_create(&thread, NULL, worker, NULL);
    while (getline(&line, &size, stdin) > 0) {
        if (!strncmp(line, "cancel", 6)) { /* has to overtake what it cancels */
            SQLCancel(running);
            continue;
        }
        pthread_mutex_lock(&lock);
        while (busy)
            pthread_cond_wait(&changed, &lock);
        split(line, &work);
        busy = true;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
        line = NULL;
        size = 0;
    }
    pthread_mutex_lock(&lock);
    while (busy)
        pthread_cond_wait(&changed, &lock);
    return 0;
}
