/** What lies in the task container for phases: laid by root, or by the one user that everybody there is. */
import { posix } from 'node:path';
import { packTar } from 'modern-tar/fs';
import type { Brought, Ground, Placed, Staged } from './hand.ts';
import type { Sbd } from './sbd/client.ts';
import { Refused } from '../../hand/stream.ts';

/** As under Harbor, where the folders of /logs are mounts below a folder of root's. */
const LOGS = { path: '/logs', parents: true, owner: 0, group: 0, mode: 0o755 };

/** Folders of ours, which stay what they are. */
const OURS = /^\/logs(\/[^/]*)?$/;

/** Rejects with Refused. Where it is root, whoever could meddle has to be halted meanwhile. */
export class ContainerGround {
  readonly #sbd: Sbd;
  /** Otherwise folders that are made anew may be mounts, and nothing can be given to anybody. */
  #isRoot = true;

  constructor(sbd: Sbd) {
    this.#sbd = sbd;
  }

  /** Finds out which of both it is. */
  async look(): Promise<void> {
    this.#isRoot = (await this.#sbd.check({})).uid === 0;
  }

  async layLogs(): Promise<void> {
    if (this.#isRoot) await this.#sbd.mkdir(LOGS);
    for (const folder of ['agent', 'verifier', 'artifacts'])
      await this.#sbd.mkdir({ path: `/logs/${folder}`, mode: 0o777, parents: true });
  }

  /** Puts files over those that are there; of no user's, the folder is made where it is missing. */
  async place({ from, to, user }: Placed): Promise<void> {
    if (user !== undefined) return void (await this.#sbd.untar({ path: to, user }, packTar(from)));
    const lay = (): Promise<unknown> => this.#sbd.untar({ path: to }, packTar(from));
    await lay().catch(async (error: unknown) => {
      if (!(error instanceof Refused) || error.reason !== 'NotFound') throw error;
      await this.#sbd.mkdir({ path: to, parents: true, mode: 0o755 });
      await lay();
    });
  }

  /** Puts a folder in place of what lies there, or a file among what does. */
  async bring({ kind, to, owner, archive }: Brought): Promise<void> {
    const path = kind === 'folder' ? to : posix.dirname(to);
    const isFresh = this.#isRoot && kind === 'folder' && to !== '/' && !OURS.test(to);
    if (isFresh) await this.#sbd.mkdir({ path, fresh: true, owner, mode: 0o755 });
    else await this.#sbd.mkdir({ path, parents: true });
    await this.#sbd.untar({ path, ...(this.#isRoot && { owner }) }, archive());
  }

  /** Makes a folder anew, and the verifier's logs where it is the verifier's. */
  async lay(what: Staged, ground: Ground): Promise<true> {
    await (this.#isRoot ? this.#layAsRoot(what, ground) : this.#layAsOne(what, ground));
    return true;
  }

  async #layAsRoot(
    { from, script, to }: Staged,
    { owner = 0, hidden = false, verifier = false }: Ground,
  ): Promise<void> {
    const mode = hidden ? 0o700 : 0o755;
    await this.#sbd.mkdir(LOGS);
    if (verifier)
      await this.#sbd.mkdir({ path: '/logs/verifier', fresh: true, owner, mode: hidden ? mode : 0o777 });
    await this.#sbd.mkdir({ path: to, fresh: true, owner: 0, mode: 0o700 });
    await this.#sbd.untar({ path: to, owner }, archiveOf(from, script));
    await this.#sbd.mkdir({ path: to, parents: true, owner, mode });
  }

  async #layAsOne({ from, script, to }: Staged, { verifier = false }: Ground): Promise<void> {
    if (verifier) await this.#sbd.mkdir({ path: '/logs/verifier', fresh: true, mode: 0o777 });
    await this.#sbd.mkdir({ path: to, fresh: true });
    await this.#sbd.untar({ path: to }, archiveOf(from, script));
  }

  /** Empties folders, /logs but for its own. */
  async empty(folders: string[]): Promise<true> {
    const owner = this.#isRoot ? { owner: 0, mode: 0o755 } : {};
    for (const path of folders) await this.#sbd.mkdir({ path, fresh: true, ...owner });
    if (folders.includes(LOGS.path)) await this.layLogs();
    return true;
  }
}

/** A tar of a folder. */
const archiveOf = (folder: string, script: string) =>
  packTar(folder, { map: (header) => (header.name === script ? { ...header, mode: 0o755 } : header) });
