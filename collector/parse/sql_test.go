package parse

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestRecordIDsOfStatements(t *testing.T) {
	parameters := []string{"42", `x, "y"`, "{1,2,3}", ""}
	for _, c := range []struct{ sql, table, want string }{
		{"SELECT * FROM customers WHERE id=42", "customers", "42"},
		{"select * from customers where id = 42;", "customers", "42"},
		{`SELECT * FROM "customers" WHERE "id" = '42'`, "customers", "42"},
		{"SELECT * FROM public.customers c WHERE c.id = 42 AND c.segment <> 'vip'", "customers", "42"},
		{"SELECT * FROM customers AS c WHERE (c.segment = 'vip') AND (c.id = (42))", "customers", "42"},
		{"SELECT * FROM customers WHERE 42 = id", "customers", "42"},
		{"SELECT * FROM customers WHERE id = 42::bigint", "customers", "42"},
		{"SELECT * FROM customers WHERE id::text = '42'", "customers", "42"},
		{"SELECT * FROM customers WHERE id = bigint '42'", "customers", "42"},
		{"SELECT * FROM customers WHERE id=-5", "customers", "-5"},
		{"SELECT * FROM customers WHERE id=9007199254740993", "customers", "9007199254740993"},
		{"SELECT * FROM customers WHERE id=$1 AND segment<>$2", "customers", "42"},
		{"SELECT * FROM customers WHERE id = ANY($3)", "customers", "1 2 3"},
		{"SELECT * FROM customers WHERE id = ANY($3::bigint[])", "customers", "1 2 3"},
		{"SELECT * FROM customers WHERE id = ANY('{7,8}'::int[])", "customers", "7 8"},
		{"SELECT * FROM customers WHERE id = ANY(ARRAY[7,8])", "customers", "7 8"},
		{"SELECT * FROM customers WHERE id = SOME(ARRAY[7,8]::int[])", "customers", "7 8"},
		{"SELECT * FROM customers WHERE id IN (1, 2,'3', $1)", "customers", "1 2 3 42"},
		{"SELECT * FROM customers WHERE id = 1 OR id = 2 OR (id IN (3,4))", "customers", "1 2 3 4"},
		{"SELECT * FROM customers WHERE customer_id = 'C1'", "customers", "C1"},
		{"SELECT * FROM customer WHERE customer_no = 'C1'", "customer", "C1"},
		{"SELECT l.* FROM customers c JOIN loans l ON l.customer_id = c.id WHERE l.id = 9", "loans", "9"},
		{"SELECT * FROM customers c, loans l WHERE c.id = 42 AND l.customer_id = c.id", "customers", "42"},
		{"SELECT * FROM customers c LEFT JOIN loans ON true WHERE c.id = 42 ORDER BY 1 LIMIT 5", "customers", "42"},
		{"SELECT * FROM (SELECT * FROM customers WHERE id = 42) x", "customers", "42"},
		{"SELECT * FROM customers WHERE id = 1 UNION ALL SELECT * FROM customers WHERE id = 2", "customers", "1 2"},
		{"(SELECT * FROM customers WHERE id = 1) UNION (SELECT * FROM customers WHERE id = 2)", "customers", "1 2"},
		{"(SELECT * FROM customers WHERE id = 1)", "customers", "1"},
		{"WITH recent AS (SELECT 1) SELECT * FROM customers WHERE id = 42", "customers", "42"},
		{"EXPLAIN (ANALYZE) SELECT * FROM customers WHERE id = 42", "customers", "42"},
		{"SELECT * FROM customers WHERE id = 42 FOR UPDATE", "customers", "42"},
		{"COPY (SELECT * FROM customers WHERE id = 42) TO STDOUT", "customers", "42"},
		{"DECLARE c CURSOR WITH HOLD FOR SELECT * FROM customers WHERE id = 42", "customers", "42"},
		{"PREPARE p(bigint) AS SELECT * FROM customers WHERE id = $1", "customers", "42"},
		{"CREATE TABLE mine AS SELECT * FROM customers WHERE id = 42", "customers", "42"},
		{"INSERT INTO mine (a) SELECT a FROM customers WHERE id = 42", "customers", "42"},
		{"UPDATE customers SET income = income + 1 WHERE id = 42 RETURNING *", "customers", "42"},
		{"UPDATE ONLY customers AS c SET id = 7 FROM loans WHERE c.id = 42", "customers", "42"},
		{"DELETE FROM customers USING loans WHERE customers.id = 42", "customers", "42"},
		{"SELECT * FROM customers WHERE income BETWEEN 1 AND 100 AND id = 42", "customers", "42"},
		{"SELECT 'it''s; WHERE id=1' FROM customers WHERE id = 42", "customers", "42"},
		{"SELECT $q$ WHERE id=1 $q$ FROM customers WHERE id = 42", "customers", "42"},
		{`SELECT E'\' WHERE id=1' FROM customers WHERE id = 42`, "customers", "42"},
		{"SELECT * FROM customers -- WHERE id=1\n WHERE id = 42", "customers", "42"},
		{"SELECT * FROM customers /* a /* nested */ WHERE id=1 */ WHERE id = 42", "customers", "42"},
	} {
		found := idsOf(t, c.sql, parameters)
		if got := strings.Join(found.values, " "); !found.usable() || got != c.want || found.table != c.table {
			t.Errorf("%s\ngot  %q of %q (bound: %v)\nwant %q of %q", c.sql, got, found.table, found.bound, c.want, c.table)
		}
	}
}

func idsOf(t *testing.T, sql string, parameters []string) ids {
	t.Helper()
	statements, _ := readSQL(sql)
	if len(statements) != 1 {
		t.Fatalf("%s: %d statements", sql, len(statements))
	}
	return statements[0].query.recordIDs(parameters)
}

// What does not bind a query to records must not look as if it did.
func TestStatementsThatAreNotBoundToRecords(t *testing.T) {
	for _, sql := range []string{
		"SELECT * FROM customers",
		"SELECT * FROM customers WHERE id = 42 OR true",
		"SELECT * FROM customers WHERE id = 42 OR segment = 'vip'",
		"SELECT * FROM customers WHERE NOT id = 42",
		"SELECT * FROM customers WHERE NOT (id = 42)",
		"SELECT * FROM customers WHERE id <> 42",
		"SELECT * FROM customers WHERE id != 42",
		"SELECT * FROM customers WHERE id >= 42",
		"SELECT * FROM customers WHERE id < 100",
		"SELECT * FROM customers WHERE id BETWEEN 1 AND 3",
		"SELECT * FROM customers WHERE id NOT IN (1, 2)",
		"SELECT * FROM customers WHERE id <> ALL('{1,2}')",
		"SELECT * FROM customers WHERE id = ALL('{1,2}')",
		"SELECT * FROM customers WHERE id IN (SELECT customer_id FROM loans)",
		"SELECT * FROM customers WHERE id = (SELECT max(id) FROM customers)",
		"SELECT * FROM customers WHERE id = 40 + 2",
		"SELECT * FROM customers WHERE id + 0 = 42",
		"SELECT * FROM customers WHERE id = 42 IS NOT TRUE",
		"SELECT * FROM customers WHERE (id = 42) IS FALSE",
		"SELECT * FROM customers WHERE (id = 42) = false",
		"SELECT * FROM customers WHERE id = id",
		"SELECT * FROM customers WHERE id = $4",
		"SELECT * FROM customers WHERE id = $9",
		"SELECT * FROM customers WHERE id = $99999999999999999999",
		"SELECT * FROM customers WHERE id = ANY('{}')",
		"SELECT * FROM customers WHERE id = ANY('{{1},{2}}')",
		"SELECT * FROM customers WHERE id = ''",
		"SELECT * FROM customers WHERE segment = '42'",
		"SELECT * FROM loans WHERE customer_id = 42",
		"SELECT * FROM customers c JOIN loans l ON c.id = 42",
		"SELECT * FROM customers c WHERE x.id = 42",
		"SELECT * FROM customers WHERE id = 1 UNION SELECT * FROM customers",
		"SELECT * FROM customers WHERE id = 1 UNION SELECT * FROM loans WHERE id = 1",
		"(SELECT * FROM customers WHERE id = 1) UNION (SELECT * FROM customers)",
		"SELECT * FROM (SELECT * FROM customers WHERE id = 42) x, customers",
		"SELECT * FROM customers WHERE id = E'\\x01' ",
		"DELETE FROM customers",
		"VACUUM",
		"SELECT 1",
		"TABLE customers",
	} {
		if found := idsOf(t, sql, []string{"42", "x", "{1,2}", ""}); found.usable() {
			t.Errorf("%s: bound to %q", sql, found.values)
		}
	}
}

func TestBrokenSQLIsReadAsFarAsItGoes(t *testing.T) {
	for _, sql := range []string{
		"", ";;;", "(", "((((", ")", "SELECT", "SELECT '", `SELECT "`, "SELECT $", "SELECT $a$b", "/*", "/*/", "--", "COPY", "COPY (", "COPY TO",
		"PREPARE", "DECLARE", "INSERT INTO", "UPDATE", "DELETE FROM", "WITH", "EXPLAIN", "CREATE TABLE x AS", "SELECT * FROM", "SELECT * FROM a.",
		"SELECT * FROM t WHERE", "SELECT * FROM t WHERE id =", "SELECT * FROM t WHERE = 1", "SELECT * FROM t WHERE id IN", "SELECT * FROM t WHERE id IN (",
		"SELECT * FROM t WHERE id = ANY(", "SELECT * FROM t WHERE . = 1", "UNION", "SELECT 1 UNION", "E'", "1e+", "'\\",
		strings.Repeat("(", 10000) + "SELECT 1", "SELECT * FROM t WHERE " + strings.Repeat("(", 10000) + "id=1",
		strings.Repeat("SELECT * FROM (", 1000), strings.Repeat("EXPLAIN SELECT ", 1000),
	} {
		statements, _ := readSQL(sql)
		for i := range statements {
			statements[i].query.recordIDs(nil)
		}
	}
}

// Text of a size that a log may have must not cost more than its length.
func TestHugeSQLIsReadInTime(t *testing.T) {
	const n = 200_000
	for name, sql := range map[string]string{
		"open brackets":     strings.Repeat("(", n) + "SELECT 1",
		"brackets in where": "SELECT * FROM t WHERE id=" + strings.Repeat("(", n) + "1",
		"conditions":        "SELECT * FROM t WHERE " + strings.Repeat("a=b AND ", n/8) + "id=1",
		"alternatives":      "SELECT * FROM t WHERE " + strings.Repeat("id=1 OR ", n/8) + "id=1",
		"unions":            strings.Repeat("SELECT * FROM t WHERE id=1 UNION ", n/30) + "SELECT 1",
		"sub-queries":       strings.Repeat("SELECT * FROM (", n/15),
		"explanations":      strings.Repeat("EXPLAIN ", n/8) + "SELECT 1",
		"dollars":           strings.Repeat("$a$", n/3) + strings.Repeat("$b", n/2),
		"comments":          strings.Repeat("/*", n/2),
	} {
		start := time.Now()
		statements, _ := readSQL(sql)
		for i := range statements {
			statements[i].query.recordIDs(nil)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %s", name, took)
		}
	}
}

func TestVerbs(t *testing.T) {
	type said struct {
		Verb, Target string
		Copies       bool
	}
	for sql, want := range map[string]said{
		"COPY customers TO STDOUT WITH CSV HEADER":           {"copy to", "customers", false},
		"COPY customers (id, name) FROM STDIN":               {"copy from", "customers", false},
		"COPY (SELECT 1) TO '/tmp/x'":                        {"copy to", "", false},
		"INSERT INTO crm.notes AS n (a) VALUES (1)":          {"insert", "notes", false},
		"INSERT INTO mine SELECT * FROM customers":           {"insert", "mine", true},
		"SELECT * INTO mine FROM customers":                  {"select", "", true},
		"CREATE TEMP TABLE mine AS TABLE customers":          {"create", "", true},
		"CREATE TABLE mine (a int)":                          {"create", "", false},
		"REFRESH MATERIALIZED VIEW mine":                     {"refresh", "", true},
		"TRUNCATE TABLE ONLY customers":                      {"truncate", "customers", false},
		"MERGE INTO customers c USING loans l ON true":       {"merge", "customers", false},
		"WITH x AS (DELETE FROM a) UPDATE customers SET b=1": {"update", "customers", false},
		"GRANT SELECT ON customers TO anna":                  {"grant", "", false},
	} {
		statements, _ := readSQL(sql)
		got := said{statements[0].verb, statements[0].target, statements[0].copies}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", sql, diff)
		}
	}
}

func TestCommentsAreKept(t *testing.T) {
	_, comments := readSQL("SELECT 1 -- first\n/* second /* inner */ */ '/* none */' -- last")
	if diff := cmp.Diff([]string{" first", " second /* inner */ ", " last"}, comments); diff != "" {
		t.Error(diff)
	}
}

func TestPurpose(t *testing.T) {
	for _, c := range []struct {
		application string
		comments    []string
		id, kind    string
	}{
		{"crm-desktop/4.2 ticket=CS-1881", nil, "CS-1881", "ticket"},
		{"crm", []string{" ticket=CS-1882 purpose=callback "}, "CS-1882", "callback"},
		{"crm ticket=CS-1", []string{"ticket='CS-2'"}, "CS-2", "ticket"},
		{"crm", []string{"traceparent='00',ticket='CS-3',purpose='review'"}, "CS-3", "review"},
		{"crm noticket=CS-1", nil, "", ""},
		{"crm", []string{"ticket="}, "", ""},
	} {
		if p := purposeOf(c.application, c.comments); p.ID != c.id || p.Kind != c.kind {
			t.Errorf("%q %q: got %+v", c.application, c.comments, p)
		}
	}
}

func TestArrayElements(t *testing.T) {
	for text, want := range map[string][]string{
		"{1,2,3}":          {"1", "2", "3"},
		`{"a,b","c\"d",e}`: {"a,b", `c"d`, "e"},
		"{1,NULL,3}":       {"1", "3"},
		"{ 1 , 2 }":        {"1", "2"},
		`{"NULL"}`:         {"NULL"},
	} {
		if got, ok := arrayElements(text); !ok || !cmp.Equal(got, want) {
			t.Errorf("%s: got %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "{", "}", "{}", "1,2", "{{1,2}}", `{"a}`, `{a"b}`, "[1:2]={1,2}"} {
		if got, ok := arrayElements(text); ok {
			t.Errorf("%s: accepted as %q", text, got)
		}
	}
}

func TestTooManyIDsAreNone(t *testing.T) {
	list := make([]string, ueba.MaxRecordIDs)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	in := func(list []string) string {
		return "SELECT * FROM customers WHERE id IN (" + strings.Join(list, ",") + ")"
	}
	if found := idsOf(t, in(list), nil); !found.usable() || len(found.values) != ueba.MaxRecordIDs {
		t.Errorf("%d ids are not usable", len(list))
	}
	if found := idsOf(t, in(append(list, "0")), nil); !found.usable() || len(found.values) != ueba.MaxRecordIDs {
		t.Error("an id twice counts twice")
	}
	if found := idsOf(t, in(append(list, "10001")), nil); found.usable() {
		t.Errorf("%d ids are usable", len(found.values))
	}
}
