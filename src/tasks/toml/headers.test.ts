import { expect } from 'chai';
import { headerFault } from './headers.ts';

describe('headers of MCP servers', () => {
  const good: [string, string][] = [
    ['Authorization', 'Bearer ${TOKEN}'],
    ['Authorization', '${TOKEN:-}'],
    ['Authorization', 'Token ${KEY_ID}:${SECRET}'],
    ['Authorization', ' '],
    ['X-Trace', 'anything at all'],
    ['X-Trace', 'on-${TRACE:-off}'],
    ['X-Tokens', '4096'],
  ];
  for (const [name, value] of good)
    it(`may be ${name}: ${value}`, () => {
      expect(headerFault(name, value)).to.equal(undefined);
    });

  const bad: [string, string, RegExp][] = [
    ['Authorization', 'Bearer sk-123', /a credential to be a variable/],
    ['X-Api-Key', 'abc', /a credential to be a variable/],
    ['cookie', 'a=b', /a credential to be a variable/],
    ['Authorization', 'Bearer ${TOKEN:-sk-123}', /a credential to be a variable/],
    ['X-Trace', '${MY_SECRET:-abc}', /a credential to be a variable/],
    ['Authorization', 'Bearer ${TOKEN}${', /in the form/],
    ['X-Trace', '${1A}', /in the form/],
    ['X-Trace', '${A:-${B}}', /in the form/],
    ['X-Trace', 'a\nb', /one line/],
    ['X Trace', 'a', /a name that HTTP allows/],
    ['', 'a', /a name that HTTP allows/],
  ];
  for (const [name, value, expected] of bad)
    it(`may not be ${JSON.stringify(name)}: ${JSON.stringify(value)}`, () => {
      expect(headerFault(name, value)).to.match(expected);
    });
});
