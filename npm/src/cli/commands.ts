// The table of commands.
import { batch } from "./batch.js";
import { cache } from "./cache.js";
import { calibrate } from "./calibrate.js";
import { chat } from "./chat.js";
import { classify } from "./classify.js";
import { completionCommand } from "./completion.js";
import { embed } from "./embed.js";
import { fillMask } from "./fill-mask.js";
import { generate } from "./generate.js";
import { type Commands, helpCommand } from "./help.js";
import { inspect } from "./inspect.js";
import { list } from "./list.js";
import { pull } from "./pull.js";
import { release } from "./release.js";
import { remove } from "./rm.js";
import { score } from "./score.js";
import { show } from "./show.js";
import { tokenize } from "./tokenize.js";
import { verify } from "./verify.js";

export const commands: Commands = {
  pull,
  list,
  show,
  rm: remove,
  chat,
  generate,
  score,
  tokenize,
  "fill-mask": fillMask,
  classify,
  embed,
  batch,
  inspect,
  calibrate,
  release,
  verify,
  cache,
  completion: completionCommand(() => commands),
  help: helpCommand(() => commands),
};
