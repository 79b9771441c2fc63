import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLWarning;
import org.postgresql.util.ServerErrorMessage;

/** JDBC, driven by lines: requests on stdin, answers as JSON on stdout. The grammar of both is in ../program.py. */
public final class Driver {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private Connection connection;
    private volatile Statement running;
    private PreparedStatement prepared;
    /** Savepoints of the block, the innermost last. */
    private final Deque<Savepoint> savepoints = new ArrayDeque<>();

    public static void main(String[] arguments) throws Exception {
        Driver driver = new Driver();
        ExecutorService worker = Executors.newSingleThreadExecutor();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> fields = fields(line);
            if (fields.get(0).equals("cancel")) { // has to overtake what it cancels
                driver.running.cancel();
                OUT.println("{\"cancel\": \"sent\"}");
            } else {
                worker.submit(() -> driver.answer(fields));
            }
        }
        System.exit(0);
    }

    private void answer(List<String> fields) {
        try {
            OUT.println("{\"result\": {" + perform(fields.get(0), fields.subList(1, fields.size())) + "}}");
        } catch (SQLException error) {
            OUT.println("{\"error\": " + failed(error) + "}");
        } catch (Exception error) {
            OUT.println("{\"error\": {\"sqlstate\": \"\", \"message\": " + text(error.toString()) + "}}");
        }
    }

    private String perform(String name, List<String> given) throws Exception {
        switch (name) {
            case "open":
                savepoints.clear();
                connection = DriverManager.getConnection(given.get(1));
                return "\"driver\": " + text(connection.getMetaData().getDriverVersion());
            case "run":
                return given.size() == 1 ? plain(given.get(0)) : withParameters(given);
            case "prepare":
                prepared = connection.prepareStatement(given.get(0));
                return "";
            case "execute":
                return execute(prepared, given);
            case "batch":
                return batch(given.get(0), Integer.parseInt(given.get(1)), given.subList(2, given.size()));
            case "stream":
                return stream(given.get(0), Integer.parseInt(given.get(1)));
            case "metadata":
                try (ResultSet found = metadata(given.get(0), given.get(1), given.get(2))) {
                    return rows(found);
                }
            case "keys":
                return keys(given.get(0));
            case "limited":
                return limited(given.get(0), Integer.parseInt(given.get(1)));
            case "begin":
                if (connection.getAutoCommit()) {
                    connection.setAutoCommit(false);
                } else {
                    savepoints.addLast(connection.setSavepoint());
                }
                return "";
            case "commit":
                if (savepoints.isEmpty()) {
                    connection.commit();
                    connection.setAutoCommit(true);
                } else {
                    connection.releaseSavepoint(savepoints.removeLast());
                }
                return "";
            case "rollback":
                if (savepoints.isEmpty()) {
                    connection.rollback();
                    connection.setAutoCommit(true);
                } else {
                    connection.rollback(savepoints.removeLast());
                }
                return "";
            case "copyout":
                StringWriter data = new StringWriter();
                long out = connection.unwrap(PGConnection.class).getCopyAPI().copyOut(given.get(0), data);
                return "\"count\": " + out + ", \"data\": " + text(data.toString());
            case "copyin":
                long in = connection.unwrap(PGConnection.class).getCopyAPI()
                        .copyIn(given.get(0), new StringReader(given.get(1)));
                return "\"count\": " + in;
            case "close":
                connection.close();
                return "";
            default:
                throw new IllegalArgumentException(name);
        }
    }

    private String plain(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return watched(statement, () -> statement.execute(sql));
        }
    }

    private String withParameters(List<String> given) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(given.get(0))) {
            return execute(statement, given.subList(1, given.size()));
        }
    }

    private String execute(PreparedStatement statement, List<String> given) throws SQLException {
        bind(statement, given);
        return watched(statement, statement::execute);
    }

    private void bind(PreparedStatement statement, List<String> given) throws SQLException {
        for (int i = 1; i <= given.size(); i++) {
            String field = given.get(i - 1);
            if (field == null) {
                statement.setNull(i, Types.NULL);
                continue;
            }
            String text = field.substring(2);
            switch (field.charAt(0)) {
                case 'i':
                    statement.setInt(i, Integer.parseInt(text));
                    break;
                case 'l':
                    statement.setLong(i, Long.parseLong(text));
                    break;
                case 'b':
                    statement.setBoolean(i, Boolean.parseBoolean(text));
                    break;
                case 'n':
                    statement.setBigDecimal(i, new BigDecimal(text));
                    break;
                case 'd':
                    statement.setDate(i, java.sql.Date.valueOf(text));
                    break;
                case 'a':
                    Object[] numbers = Arrays.stream(text.split(",")).map(Integer::valueOf).toArray();
                    statement.setArray(i, connection.createArrayOf("int4", numbers));
                    break;
                default:
                    statement.setString(i, text);
            }
        }
    }

    private String batch(String sql, int width, List<String> given) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int at = 0; at < given.size(); at += width) {
                bind(statement, given.subList(at, at + width));
                statement.addBatch();
            }
            return "\"count\": " + statement.executeBatch().length;
        }
    }

    /** A cursor, which pgjdbc has in a block only: portals that are suspended. */
    private String stream(String sql, int size) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(size);
            return rows(statement.executeQuery(sql));
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    /** What an IDE asks when it shows a table. */
    private ResultSet metadata(String kind, String schema, String table) throws SQLException {
        DatabaseMetaData data = connection.getMetaData();
        switch (kind) {
            case "schemas":
                return data.getSchemas();
            case "catalogs":
                return data.getCatalogs();
            case "tables":
                return data.getTables(null, schema, "%", null);
            case "columns":
                return data.getColumns(null, schema, table, "%");
            case "primaryKeys":
                return data.getPrimaryKeys(null, schema, table);
            case "importedKeys":
                return data.getImportedKeys(null, schema, table);
            case "exportedKeys":
                return data.getExportedKeys(null, schema, table);
            case "indexes":
                return data.getIndexInfo(null, schema, table, false, false);
            case "bestRow":
                return data.getBestRowIdentifier(null, schema, table, DatabaseMetaData.bestRowSession, true);
            case "functions":
                return data.getFunctions(null, schema, "%");
            case "functionColumns":
                return data.getFunctionColumns(null, schema, "%", "%");
            case "privileges":
                return data.getTablePrivileges(null, schema, table);
            case "columnPrivileges":
                return data.getColumnPrivileges(null, schema, table, "%");
            case "types":
                return data.getTypeInfo();
            case "udts":
                return data.getUDTs(null, schema, "%", null);
            case "clientInfo":
                return data.getClientInfoProperties();
            default:
                throw new IllegalArgumentException(kind);
        }
    }

    /** An insertion whose keys come back: pgjdbc puts RETURNING * behind it. */
    private String keys(String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
            statement.executeUpdate();
            return rows(statement.getGeneratedKeys());
        }
    }

    /** A query with a time limit, after which pgjdbc sends a cancel request. */
    private String limited(String sql, int seconds) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(seconds);
            return rows(statement.executeQuery(sql));
        }
    }

    private interface Asking {
        boolean execute() throws SQLException;
    }

    /** Executes while another thread passes on each warning as it comes: pgjdbc lets them be read meanwhile. */
    private String watched(Statement statement, Asking asking) throws SQLException {
        Thread watcher = new Thread(() -> watch(statement));
        watcher.start();
        running = statement;
        try {
            boolean rows = asking.execute();
            return rows ? rows(statement.getResultSet()) : "\"count\": " + statement.getUpdateCount();
        } finally {
            watcher.interrupt();
            try {
                watcher.join();
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static void watch(Statement statement) {
        SQLWarning last = null;
        boolean ended = false;
        while (true) {
            try {
                SQLWarning next = last == null ? statement.getWarnings() : last.getNextWarning();
                for (; next != null; next = next.getNextWarning()) {
                    OUT.println("{\"notice\": " + warned(next) + "}");
                    last = next;
                }
                if (ended) {
                    return;
                }
                Thread.sleep(20);
            } catch (InterruptedException stop) {
                ended = true;
            } catch (SQLException closed) {
                return;
            }
        }
    }

    private static String rows(ResultSet found) throws SQLException {
        ResultSetMetaData columns = found.getMetaData();
        List<String> names = new ArrayList<>();
        List<String> types = new ArrayList<>();
        for (int i = 1; i <= columns.getColumnCount(); i++) {
            names.add(text(columns.getColumnLabel(i)));
            types.add(text(columns.getColumnTypeName(i)));
        }
        List<String> rows = new ArrayList<>();
        while (found.next()) {
            List<String> row = new ArrayList<>();
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                row.add(cell(found.getObject(i)));
            }
            rows.add(row.toString());
        }
        return "\"names\": " + names + ", \"types\": " + types + ", \"rows\": " + rows + ", \"count\": " + rows.size();
    }

    private static String cell(Object value) {
        if (value == null || value instanceof Integer || value instanceof Double || value instanceof Long || value instanceof Boolean) {
            return String.valueOf(value);
        }
        if (value instanceof byte[]) {
            return text(HexFormat.of().formatHex((byte[]) value));
        }
        if (value instanceof Short) {
            return value.toString();
        }
        return text(value instanceof BigDecimal ? ((BigDecimal) value).toPlainString() : value.toString());
    }

    private static String failed(SQLException raised) {
        // A batch's error is wrapped in one that says which of its rows it was.
        SQLException error = raised instanceof BatchUpdateException ? raised.getNextException() : raised;
        ServerErrorMessage told = error instanceof PSQLException ? ((PSQLException) error).getServerErrorMessage() : null;
        return told != null ? said(told)
                : "{\"sqlstate\": " + text(error.getSQLState()) + ", \"message\": " + text(error.getMessage()) + "}";
    }

    private static String warned(SQLWarning warning) {
        return said(((PSQLWarning) warning).getServerErrorMessage());
    }

    private static String said(ServerErrorMessage told) {
        return "{\"sqlstate\": " + text(told.getSQLState()) + ", \"severity\": " + text(told.getSeverity())
                + ", \"message\": " + text(told.getMessage()) + ", \"detail\": " + text(told.getDetail())
                + ", \"hint\": " + text(told.getHint()) + ", \"position\": " + told.getPosition() + "}";
    }

    private static String text(String value) {
        if (value == null) {
            return "null";
        }
        StringBuilder made = new StringBuilder("\"");
        for (char each : value.toCharArray()) {
            if (each == '"' || each == '\\') {
                made.append('\\').append(each);
            } else if (each < ' ') {
                made.append(String.format("\\u%04x", (int) each));
            } else {
                made.append(each);
            }
        }
        return made.append('"').toString();
    }

    private static List<String> fields(String line) {
        List<String> fields = new ArrayList<>(Arrays.asList(line.split("\t", -1)));
        fields.replaceAll(field -> field.equals("\\N") ? null : unescaped(field));
        return fields;
    }

    private static String unescaped(String field) {
        StringBuilder made = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            char each = field.charAt(i);
            if (each == '\\') {
                each = field.charAt(++i);
                each = each == 'n' ? '\n' : each == 't' ? '\t' : each == 'r' ? '\r' : each;
            }
            made.append(each);
        }
        return made.toString();
    }
}
