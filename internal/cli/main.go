package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// Main runs the command that args name, without the name of the program, and returns the exit code. The environment is
// what os.Environ returns.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	ctx, stop := interruptible()
	defer stop()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: env, untrap: stop}
	root := newRoot(a)
	root.SetArgs(args)
	a.wantsJSON(args)
	return a.report(root.ExecuteContext(ctx))
}

const rootHelp = `Holdfast: the data tier around a web application that already exists.

Usage:
  holdfast COMMAND [OPTIONS]

Set up:
  init            write the smallest configuration that works, and its secrets
  import          bring the configuration of PgBouncer over
  check           find every mistake before starting, and try what it names
  config render   print the settings in effect
  env             print the variables that the application needs
  paths           print the directories that Holdfast writes to

Run:
  serve           run Holdfast
  status          say how the running Holdfast is
  doctor          look at the whole site, and say what is wrong
  logs            print the log of the running Holdfast
  login           print a link that opens the admin page
  reload          have the configuration read again
  stop            stop the running Holdfast
  demo            run everything in a temporary directory, with a page to try it

Several machines:
  node            list the nodes of the site, invite another one
  join            make this machine a node, with the token of an invite

Use:
  pool            look at the pooler, steer it, and size its pools
  db              open psql on the database
  cache           look at the cache for frameworks, empty it
  files           store, fetch, list, link and export files; manage keys and buckets
  assets          build, find and publish stylesheets, scripts, pictures
  content         bring courses from git to every server
  edge            look at certificates, the page cache and the application's servers
  bench           send load to a site of yours, and say how fast it answers

Know:
  help            help for a command, a setting or the exit codes
  version         print the version
  completion      print a script that completes commands in your shell

Options of every command:
      --config PATH   file or directory of the configuration ("none": environment only)
      --json          print data and errors as JSON
  -h, --help          print the help of the command
      --version       print the version

EXIT STATUS
  0 when all went well, else what went wrong; see: holdfast help exit-codes

EXAMPLE
  holdfast init && holdfast check && holdfast serve
`

func newRoot(a *app) *cobra.Command {
	root := a.group("holdfast", "the data tier around a web application", rootHelp)
	root.Version = binaryVersion().Version
	root.SetVersionTemplate("holdfast {{.Version}}\n")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, err.Error()) })
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { a.printf("%s", c.Long) })
	root.PersistentFlags().StringVar(&a.configPath, "config", "", "")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "")
	root.SetHelpCommand(newHelp(a))
	root.AddCommand(
		newInit(a), newImport(a), newCheck(a), newConfig(a), newEnv(a), newPaths(a),
		newServe(a), newStatus(a), newDoctor(a), newLogs(a), newLogin(a), newReload(a), newStop(a), newDemo(a),
		newNode(a), newJoin(a),
		newPool(a), newDB(a), newCache(a), newFiles(a), newAssets(a), newContent(a), newEdge(a), newBench(a), newVersion(a), newCompletion(a),
	)
	return root
}
