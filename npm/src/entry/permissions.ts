// Deno's permissions. Without one, Deno asks on the terminal or throws an error of its own: these functions do neither.
import { CamelGPTError } from "../../../web/errors.js";

type Permission =
  | { name: "read" | "write"; path: string }
  | { name: "sys"; kind: "homedir" }
  | { name: "net"; host: string };

interface Deno {
  permissions: { querySync(permission: Permission | { name: "env"; variable: string }): { state: string } };
}

/** Always true outside of Deno. */
export function isAllowed(permission: Parameters<Deno["permissions"]["querySync"]>[0]): boolean {
  const { Deno } = globalThis as { Deno?: Deno };
  return Deno === undefined || Deno.permissions.querySync(permission).state === "granted";
}

/** Errors: `unsupported-environment`. */
export function requirePermission(permission: Permission): void {
  if (isAllowed(permission)) return;
  const { name } = permission;
  const flag = `--allow-${name}`;
  throw new CamelGPTError("unsupported-environment", `Deno does not allow this program to ${action(permission)}.`, {
    expected: `the flag ${flag}`,
    found: `no permission \`${name}\``,
    hint:
      `Run Deno with ${flag}. The package needs --allow-read, and --allow-net for models at a URL. ` +
      "With --allow-env, --allow-sys and --allow-write it also keeps downloads.",
  });
}

/** Checks the permission to connect to an http: or https: URL. Errors: `unsupported-environment`. */
export function requireConnection(url: string): void {
  const { protocol, hostname, port } = new URL(url);
  requirePermission({ name: "net", host: `${hostname}:${port || (protocol === "http:" ? 80 : 443)}` });
}

function action(permission: Permission): string {
  switch (permission.name) {
    case "read":
    case "write":
      return `${permission.name} ${permission.path}`;
    case "sys":
      return "look up the home folder";
    case "net":
      return `connect to ${permission.host}`;
  }
}
