// Programs on a pseudo-terminal, for tests of what people see and type.
import { spawn, spawnSync } from "node:child_process";

/** Runs a program on a pseudo-terminal of a given size: keys come from stdin, what it prints goes to stdout. */
const relay = `
import fcntl, os, pty, select, struct, sys, termios
columns, rows, *program = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))
    os.execvp(program[0], program)
sources = [terminal, 0]
while True:
    ready = select.select(sources, [], [])[0]
    if terminal in ready:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        keys = os.read(0, 65536)
        if keys:
            os.write(terminal, keys)
        else:
            os.kill(child, 9)
            break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
`;

/** Whether this machine has pseudo-terminals, and Python 3, which the build needs too. */
export const hasPseudoTerminal =
  process.platform !== "win32" && spawnSync("python3", ["-c", "import fcntl, pty, termios"]).status === 0;

export const key = { ctrlC: "\x03", ctrlD: "\x04", enter: "\r", tab: "\t", up: "\x1b[A" };

export class PseudoTerminal {
  /** Everything that was printed. Lines end with a line feed. */
  output = "";
  /** Resolves to the exit code of the program. */
  ended;
  #child;
  /** Where the next `waitFor` searches from. */
  #position = 0;
  #changed = () => {};

  constructor(program, args, { env, columns = 100, rows = 40, cwd } = {}) {
    this.#child = spawn("python3", ["-c", relay, String(columns), String(rows), program, ...args], {
      env: { ...process.env, TERM: "xterm-256color", ...env },
      cwd,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding("utf8").on("data", (data) => {
        this.output = (this.output + data).replace(/\r+\n/g, "\n");
        this.#changed();
      });
    this.#child.stdin.on("error", () => {}); // it may have ended
    this.ended = new Promise((resolve) =>
      this.#child.on("close", (status) => {
        this.#changed("end");
        resolve(status);
      }),
    );
  }

  type(keys) {
    this.#child.stdin.write(keys);
  }

  /** Waits until the pattern has been printed after the last match, and returns the match. */
  async waitFor(pattern, milliseconds = 60_000) {
    const end = Date.now() + milliseconds;
    for (;;) {
      const found = pattern.exec(this.output.slice(this.#position));
      if (found) {
        this.#position += found.index + found[0].length;
        return found;
      }
      const remaining = end - Date.now();
      const state = await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.max(remaining, 1), "timeout");
        this.#changed = (event = "data") => {
          clearTimeout(timer);
          resolve(event);
        };
      });
      if (state !== "data") {
        const seen = JSON.stringify(this.output.slice(this.#position));
        if (!pattern.test(this.output.slice(this.#position))) throw new Error(`${state} without ${pattern} in ${seen}`);
      }
    }
  }

  /** Ends the program if it still runs. */
  close() {
    this.#child.stdin.end();
    return this.ended;
  }
}
