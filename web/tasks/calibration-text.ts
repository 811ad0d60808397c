// The default calibration text. It has a few sentences of everything that a model may be asked to write, since the
// directions that are learnt from it must carry the scores of any text: prose of several registers, languages and
// scripts, code, tables and numbers. All of it was written for this purpose, apart from short quotations of works in
// the public domain, whose authors are named.
import { answers } from "./calibration-text/answers.js";
import { asian } from "./calibration-text/asian.js";
import { code } from "./calibration-text/code.js";
import { english } from "./calibration-text/english.js";
import { european } from "./calibration-text/european.js";

export const calibrationText = [answers, english, code, european, asian].join("\n\n");
