#!/usr/bin/env node
// The command's own file, so that package managers can link it before the first build.
import "../dist/cli.js";
