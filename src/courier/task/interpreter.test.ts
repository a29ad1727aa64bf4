import { expect } from 'chai';
import { scriptCommand } from './interpreter.ts';

describe('scriptCommand', () => {
  const cases: [string, object][] = [
    ['#!/bin/bash\n', { interpreter: '/bin/bash' }],
    ['#! /usr/bin/env -S python3 -u\n', { interpreter: '/usr/bin/env' }],
    ['#!/bin/sh\r\n', { interpreter: '/bin/sh\r' }],
    ['echo\n#!/bin/sh\n', { shell: true }],
    ['', { shell: true }],
    ['#!\necho', { shell: true }],
  ];
  for (const [script, how] of cases)
    it(`runs ${JSON.stringify(script)} as the kernel or bash would`, () => {
      expect(scriptCommand('/x', script)).to.deep.equal({ argv: ['/x'], ...how });
    });
});
