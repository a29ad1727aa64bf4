// Keeps what V8 compiles while a program of the image begins: `node compile.js <program>`, where it is given no settings and so ends at once.
'use strict';
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { run, scriptOf } = require('./start.js');

const [program] = process.argv.splice(2);
const script = scriptOf(program);
process.on('exit', () => {
  writeFileSync(join(__dirname, `${program}.code`), script.createCachedData());
  process.exitCode = 0;
});
run(script);
