package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// play runs a script and returns all answers.
func play(c *talk, script []group, show func(i int, g *group, answers []answer)) error {
	for i := range script {
		g := &script[i]
		c.say(g.bytes)
		var answers []answer
		var err error
		if g.ready > 0 {
			answers, err = c.hearReady(g.ready)
		} else {
			answers, err = c.hearEmpty()
		}
		show(i, g, answers)
		if err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
	}
	return nil
}

// modelSchema is what scripts find.
func modelSchema(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var b strings.Builder
	b.WriteString(`
		CREATE SCHEMA other;
		CREATE TABLE shared (id int PRIMARY KEY, name text);
		INSERT INTO shared VALUES (1, 'one'), (2, 'two'), (3, 'three');
		CREATE TABLE named (a int);
		CREATE TABLE other.named (a int);
		INSERT INTO other.named VALUES (1), (2);
		CREATE VIEW seen AS SELECT id FROM shared;
		CREATE TABLE closed (a int);
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it is closed'; END $$;
		CREATE TRIGGER closed BEFORE INSERT ON closed FOR EACH STATEMENT EXECUTE FUNCTION refuse();
		DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
		GRANT ALL ON ALL TABLES IN SCHEMA public, other TO reader;
		GRANT USAGE ON SCHEMA other TO reader;
	`)
	for i := range modelClients {
		fmt.Fprintf(&b, "CREATE TABLE own%d (a int); GRANT ALL ON own%d TO reader;", i, i)
	}
	_, err = conn.Exec(ctx, b.String())
	return err
}

const modelClients = 4

// TestRandomConversationsAreTheSameThroughTheRelay plays scripts that were written by chance on PostgreSQL itself and through the
// relay, several at a time, and compares every answer. HOLDFAST_SOAK=1 makes it run for minutes.
func TestRandomConversationsAreTheSameThroughTheRelay(t *testing.T) {
	t.Parallel()
	duration, seed := 2*time.Second, uint64(1) // the same ones each time, as far as time allows; others in a long run
	if os.Getenv("HOLDFAST_SOAK") != "" {
		duration, seed = 5*time.Minute, uint64(time.Now().UnixNano())
	}
	if text := os.Getenv("HOLDFAST_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	for began := time.Now(); time.Since(began) < duration && !t.Failed(); seed++ {
		modelRound(t, seed)
	}
}

// modelRound plays the scripts of one seed.
func modelRound(t *testing.T, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 2))
	straight := pgtest.Template(t, "model", modelSchema)
	scripts := make([][]group, modelClients)
	for i := range scripts {
		a := &author{Rand: rand.New(rand.NewPCG(seed, uint64(10+i))), id: i, major: straight.Server.Major}
		scripts[i] = a.script(8 + a.IntN(20))
	}
	want := make([][][]answer, modelClients)
	final := make([]map[string]string, modelClients)
	for i, script := range scripts {
		c := directTo(t, straight)
		want[i] = make([][]answer, len(script))
		if err := play(c, script, func(j int, _ *group, a []answer) { want[i][j] = a }); err != nil {
			t.Fatalf("seed %d, client %d, directly: %v\n%s", seed, i, err, tell(script, want[i], nil))
		}
		final[i] = c.known
		c.close()
	}
	db := pgtest.Template(t, "model", modelSchema)
	var heard listener
	c := houseConfig{
		mode: Transaction, servers: 2 + rnd.IntN(3), statements: []int{2, 5, 100}[rnd.IntN(3)],
		piece: []int{1, 7, 100, 0}[rnd.IntN(4)], seed: seed, check: true,
	}
	if rnd.IntN(2) == 0 {
		c.observer = &heard
	}
	if rnd.IntN(5) == 0 {
		c.mode, c.servers = Session, modelClients
	}
	h := newHouse(t, db, c)
	done := make(chan string, modelClients)
	for i, script := range scripts {
		go func() { done <- compareScript(h.talkTo(t), script, want[i], final[i]) }()
	}
	for i := range scripts {
		if problem := <-done; problem != "" {
			t.Errorf("seed %d (%d of %d): %s", seed, i, len(scripts), problem)
		}
	}
	h.close()
	if len(heard.wrong) > 0 {
		t.Errorf("seed %d: the observer heard: %v", seed, heard.wrong)
	}
}

// compareScript plays a script and returns the first difference to what was answered directly, "" if there is none.
func compareScript(c *talk, script []group, want [][]answer, final map[string]string) (problem string) {
	defer c.close()
	got := make([][]answer, len(script))
	err := play(c, script, func(j int, _ *group, a []answer) {
		got[j] = a
	})
	for j := range script {
		if !alike(got[j], want[j]) {
			return fmt.Sprintf("group %d differs (%v)\n%s", j, err, tell(script[:j+1], want, got))
		}
	}
	if err != nil {
		return err.Error() + "\n" + tell(script, want, got)
	}
	for name, value := range final {
		if c.known[name] != value {
			problem += fmt.Sprintf("%s is %q, directly it is %q\n", name, c.known[name], value)
		}
	}
	if problem != "" {
		problem += tell(script, want, got)
	}
	return problem
}

// alike compares answers. In a failed transaction the server may have to be given a statement once more before it can say what
// it would say of it, and then says that the transaction has failed: from there on the rest up to ReadyForQuery may differ.
func alike(got, want []answer) bool {
	for len(got) > 0 && len(want) > 0 {
		if got[0].String() == want[0].String() {
			got, want = got[1:], want[1:]
			continue
		}
		if got[0].typ != pgwire.ErrorResponse || string(pgwire.NoticeField([]byte(got[0].body), 'C')) != "25P02" {
			return false
		}
		got, want = fromReady(got), fromReady(want)
	}
	return len(got) == len(want)
}

// fromReady returns what begins with the next ReadyForQuery.
func fromReady(answers []answer) []answer {
	i := slices.IndexFunc(answers, func(a answer) bool { return a.typ == pgwire.ReadyForQuery })
	if i < 0 {
		return nil
	}
	return answers[i:]
}

// tell shows a conversation.
func tell(script []group, want, got [][]answer) string {
	var b strings.Builder
	for j := len(script) - 1; j >= 0; j-- { // the last one is of most interest
		fmt.Fprintf(&b, "-- group %d\n", j)
		for _, s := range script[j].said {
			fmt.Fprintf(&b, "   > %s\n", s)
		}
		same := got == nil || alike(got[j], want[j])
		for _, l := range strings.Split(strings.TrimSpace(lines(want[j])), "\n") {
			fmt.Fprintf(&b, "   < %.150s\n", l)
		}
		if !same {
			b.WriteString("   through the relay:\n")
			for _, l := range strings.Split(strings.TrimSpace(lines(got[j])), "\n") {
				fmt.Fprintf(&b, "   < %.150s\n", l)
			}
		}
	}
	return b.String()
}
