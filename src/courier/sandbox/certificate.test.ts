import { expect } from 'chai';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { CourierCertificate } from '../../wire/sandbox/assignment.ts';
import { keepCertificate } from './certificate.ts';

const HOUR = 3_600_000;

describe('the certificate of a Sandbox’s courier', () => {
  it('is asked for again after two thirds of its life, and again where that fails', async () => {
    const clock = new ManualClock();
    const used: string[] = [];
    let fails = false;
    let serial = 0;
    const issue = async (): Promise<CourierCertificate> => {
      await Promise.resolve();
      if (fails) throw new Error('no broker');
      const notAfter = new Date(clock.now() + 24 * HOUR).toISOString();
      return { key: '', cert: String((serial += 1)), ca: '', brokerName: 'b', notAfter };
    };
    const end = await keepCertificate({ clock, issue, use: ({ cert }) => used.push(cert), note: () => {} });
    await clock.advance(16 * HOUR - 1);
    expect(used).to.deep.equal(['1']);
    await clock.advance(1);
    expect(used).to.deep.equal(['1', '2']);
    fails = true;
    await clock.advance(17 * HOUR);
    fails = false;
    await clock.advance(60_000);
    expect(used).to.deep.equal(['1', '2', '3']);
    end();
    await clock.advance(48 * HOUR);
    expect(used).to.have.length(3);
  });
});
