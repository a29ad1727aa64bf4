/** Somebody who works through pages of docs: in a checkout of their own, with their own settings, each command as it stands there. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { kubeconfig, root } from '../../support/cluster.ts';
import { findProgram } from '../../support/programs.ts';
import { s3 } from '../cluster/index.ts';

/** The commands of a page in the order of the page, below which heading they stand. */
interface Block {
  page: string;
  heading: string;
  commands: string;
}

const FENCE = /^```(\w*)$/;

/** The blocks of a page that are fenced as `sh`. */
function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let fence: { language: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const [marks, language = ''] = FENCE.exec(line) ?? [];
    if (marks === undefined) {
      if (fence) fence.lines.push(line);
      else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    } else if (fence) {
      if (fence.language === 'sh') blocks.push({ page, heading, commands: fence.lines.join('\n') });
      fence = undefined;
    } else fence = { language, lines: [] };
  }
  return blocks;
}

/** Throws where a block is fenced in a way that is not understood: it would never be run. */
function pageOf(page: string): Block[] {
  const text = readFileSync(join(root, 'docs', page), 'utf8');
  const blocks = blocksOf(page, text);
  const fences = text.match(/^\W*sh\b/gm)?.length ?? 0;
  if (fences !== blocks.length) throw new Error(`${page}: ${fences} blocks of sh, ${blocks.length} read`);
  return blocks;
}

interface Timing {
  command: string;
  seconds: number;
}

/** Of what bash wrote down as it began with each command. */
function timingsOf(trace: string, end: number): Timing[] {
  const begun = trace.split('\n').flatMap((line) => {
    const [, at, command] = /^\+ ([\d.]+) (.*)$/.exec(line) ?? [];
    return at === undefined || command === undefined ? [] : [{ command, at: Number(at) }];
  });
  return begun.map(({ command, at }, index) => ({ command, seconds: (begun[index + 1]?.at ?? end) - at }));
}

/** What a reader has of the checkout. */
const FOLDERS = ['charts', 'config', 'examples'];

export class Reader implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sb-reader-'));
  readonly #checkout = join(this.#folder, 'checkout');
  readonly #programs = join(this.#folder, 'bin');
  readonly #trace = join(this.#folder, 'trace');
  readonly #read = new Set<string>();
  readonly #timings: Timing[] = [];

  constructor(helm: string) {
    for (const name of FOLDERS) cpSync(join(root, name), join(this.#checkout, name), { recursive: true });
    mkdirSync(this.#programs);
    symlinkSync(helm, join(this.#programs, 'helm'));
    const kubectl = findProgram('kubectl');
    if (kubectl !== undefined) symlinkSync(kubectl, join(this.#programs, 'kubectl'));
    const sb = join(this.#programs, 'sb');
    writeFileSync(sb, `#!/bin/sh\nexec ${process.execPath} ${join(root, 'bin/sb.mjs')} "$@"\n`);
    chmodSync(sb, 0o755);
  }

  /** Puts a file into the checkout: what the page leaves to its reader. */
  write(path: string, text: string): void {
    const file = join(this.#checkout, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  read(path: string): string {
    return readFileSync(join(this.#checkout, path), 'utf8');
  }

  /** Copies a folder of the checkout. */
  copy(from: string, to: string): void {
    cpSync(join(this.#checkout, from), join(this.#checkout, to), { recursive: true });
  }

  /** Runs all that stands below the heading. Resolves to what it printed; throws where a command fails. */
  async does(page: string, heading: string): Promise<string> {
    const blocks = pageOf(page).filter((block) => block.heading === heading);
    if (blocks.length === 0) throw new Error(`${page} has no commands under “${heading}”`);
    this.#read.add(keyOf({ page, heading }));
    let printed = '';
    for (const { commands } of blocks) printed += await this.#run(page, commands);
    return printed;
  }

  /** Headings with commands that have not been run, as `page: heading`. */
  unread(pages: readonly string[]): string[] {
    const keys = new Set(pages.flatMap(pageOf).map(keyOf));
    return [...keys].filter((key) => !this.#read.has(key));
  }

  /** How long the commands took that begin so, in the order in which they were run. */
  took(...beginnings: string[]): Timing[] {
    return this.#timings.filter(({ command }) => beginnings.some((words) => command.startsWith(words)));
  }

  async #run(page: string, commands: string): Promise<string> {
    const { AWS_PROFILE: _, FORCE_COLOR: __, ...inherited } = process.env;
    const env = {
      ...inherited,
      PATH: `${this.#programs}:${process.env['PATH']}`,
      HOME: this.#folder,
      KUBECONFIG: kubeconfig,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const options = { cwd: this.#checkout, env, maxBuffer: 2 ** 26 };
    const traced = `exec 9> ${this.#trace}\nBASH_XTRACEFD=9 PS4='+ $EPOCHREALTIME '\nset -x\n${commands}`;
    // As a shell would be that stops at the first command that fails.
    return promisify(execFile)('bash', ['-euo', 'pipefail', '-c', traced], options).then(
      ({ stdout, stderr }) => {
        this.#timings.push(...timingsOf(readFileSync(this.#trace, 'utf8'), Date.now() / 1000));
        return stdout + stderr;
      },
      ({ stdout, stderr }: { stdout: string; stderr: string }) => {
        throw new Error(`${page}:\n${commands}\n${stdout}${stderr}`);
      },
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const keyOf = ({ page, heading }: Pick<Block, 'page' | 'heading'>): string => `${page}: ${heading}`;
