// Starts a program of the image with what V8 compiled of it when the image was made, which lies beside it. Where V8 refuses that, or it is missing,
// the program is compiled as it is read, which takes longer and is all.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

function codeIn(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** The bundle of a program. `cachedDataRejected` is false where it has its code, undefined where there is none. */
function scriptOf(program) {
  const filename = join(__dirname, `${program}.bundle.js`);
  const cachedData = codeIn(join(__dirname, `${program}.code`));
  return new Script(readFileSync(filename, 'utf8'), { filename, cachedData });
}

/** Runs it. */
const run = (script) => script.runInThisContext()(require, module, __dirname);

module.exports = { scriptOf, run };
