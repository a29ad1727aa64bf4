import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { encodeFrame, frameReader } from '../../../wire/hand/frames.ts';
import type { Frame } from '../../../wire/hand/frames.ts';
import { proofOf } from '../../../wire/hand/proof.ts';
import { HAND_SOCKET } from '../../../wire/pod-paths.ts';
import { listen } from './listener.ts';

const NONCE = 'ab'.repeat(32);
const HELLO = { major: 1, minor: 0, version: '9', nonce: NONCE, knows: false };

describe('the courier’s socket', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'hand-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function courier(): { strangers: string[]; proven: () => number; close: () => void } {
    const strangers: string[] = [];
    let proven = 0;
    const onStranger = (what: string): void => void strangers.push(what);
    const { close } = listen({ control: folder, own: folder, onStranger }, ({ socket }) => {
      proven += 1;
      socket.on('error', () => {});
    });
    return { strangers, proven: () => proven, close };
  }

  /** Connects as sbd does, and says hello. */
  async function caller(hello: object) {
    const heard: Frame[] = [];
    let socket = connect(join(folder, HAND_SOCKET));
    for (let failed = true; failed;) {
      failed = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
      });
      if (failed) {
        await sleep(5);
        socket = connect(join(folder, HAND_SOCKET));
      }
    }
    const ended = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
    socket.on(
      'data',
      frameReader((frame) => heard.push(frame)),
    );
    const say = (frame: Frame): void => void socket.write(encodeFrame(frame));
    say({ type: 'hello', stream: 0, body: { ...HELLO, ...hello } });
    while (heard.length === 0) await sleep(5);
    return { heard, say, ended, drop: () => socket.destroy() };
  }

  const secretIn = ([frame]: Frame[]): { secret: string; courier: string } => {
    if (frame?.type !== 'welcome') throw new Error(`no welcome: ${frame?.type}`);
    return { secret: frame.body.secret ?? '', courier: frame.body.nonce };
  };

  it('is the courier’s alone, and gone once sbd is there', async () => {
    const { close, proven } = courier();
    const { heard, say } = await caller({});
    expect(statSync(join(folder, HAND_SOCKET)).mode & 0o777).to.equal(0o600);
    const { secret, courier: nonce } = secretIn(heard);
    say({
      type: 'proof',
      stream: 0,
      body: { proof: proofOf('sbd', secret, { sbd: NONCE, courier: nonce }) },
    });
    while (proven() === 0) await sleep(5);
    expect(() => statSync(join(folder, HAND_SOCKET))).to.throw('ENOENT');
    close();
  });

  it('refuses another major version with a sentence', async () => {
    const { close, strangers } = courier();
    const { heard, ended } = await caller({ major: 2 });
    await ended;
    const message = 'sbd 9 speaks version 2 of the protocol, the courier speaks version 1';
    expect(heard).to.deep.equal([
      { type: 'error', stream: 0, body: { reason: 'UnsupportedVersion', message } },
    ]);
    expect(strangers).to.deep.equal([message]);
    close();
  });

  it('gives the same secret again to whom it has not proven anything yet, and to nobody after that', async () => {
    const first = courier();
    const before = await caller({});
    const { secret } = secretIn(before.heard);
    first.close(); // started again before the proof has come
    before.drop();
    const second = courier();
    const again = await caller({});
    expect(secretIn(again.heard).secret).to.equal(secret);
    const nonces = { sbd: NONCE, courier: secretIn(again.heard).courier };
    again.say({ type: 'proof', stream: 0, body: { proof: proofOf('sbd', secret, nonces) } });
    while (second.proven() === 0) await sleep(5);
    again.drop();
    const stranger = await caller({});
    await stranger.ended;
    expect(stranger.heard[0]).to.deep.include({ type: 'error' });
    second.close();
    const third = courier();
    const knowing = await caller({ knows: true });
    const [welcome] = knowing.heard;
    if (welcome?.type !== 'welcome') throw new Error('no welcome');
    expect(welcome.body).not.to.have.property('secret');
    const asked = { sbd: NONCE, courier: welcome.body.nonce };
    expect(welcome.body.proof).to.equal(proofOf('courier', secret, asked));
    // What the courier has said is no proof of sbd's.
    knowing.say({ type: 'proof', stream: 0, body: { proof: welcome.body.proof ?? '' } });
    await knowing.ended;
    expect(third.proven()).to.equal(0);
    third.close();
  });
});
