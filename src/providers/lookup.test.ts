import { expect } from 'chai';
import type { LookupAddress } from 'node:dns';
import { setTimeout as wait } from 'node:timers/promises';
import { sharedLookup } from './lookup.ts';

const ADDRESSES: LookupAddress[] = [
  { address: '192.0.2.1', family: 4 },
  { address: '2001:db8::1', family: 6 },
];

function counted(answer: () => Promise<LookupAddress[]> = async () => ADDRESSES, keepMs = 10_000) {
  const asked: string[] = [];
  const lookup = sharedLookup(async (name) => {
    asked.push(name);
    return answer();
  }, keepMs);
  const find = (name: string, all = true): Promise<unknown> =>
    new Promise((resolve, reject) =>
      lookup(name, { all }, (error, address, family) =>
        error ? reject(error) : resolve(all ? address : [address, family]),
      ),
    );
  return { asked, find };
}

describe('the lookup of names', () => {
  it('is one for all who ask at the same time and soon after', async () => {
    const { asked, find } = counted();
    expect(await Promise.all([find('s3'), find('s3'), find('registry')])).to.deep.equal([
      ADDRESSES,
      ADDRESSES,
      ADDRESSES,
    ]);
    await find('s3');
    expect(asked).to.deep.equal(['s3', 'registry']);
  });

  it('tells the first address where one is wanted', async () => {
    expect(await counted().find('s3', false)).to.deep.equal(['192.0.2.1', 4]);
  });

  it('is made again when the answer has grown old', async () => {
    const { asked, find } = counted(undefined, 1);
    await find('s3');
    await wait(20);
    await find('s3');
    expect(asked).to.have.length(2);
  });

  it('keeps no failure', async () => {
    let fails = true;
    const { asked, find } = counted(async () => {
      if (fails) throw new Error('EAI_AGAIN');
      return ADDRESSES;
    });
    const first = await find('s3').catch((error: Error) => error.message);
    fails = false;
    expect([first, await find('s3')]).to.deep.equal(['EAI_AGAIN', ADDRESSES]);
    expect(asked).to.have.length(2);
  });
});
