import { expect } from 'chai';
import { resolveEnv } from './variables.ts';

describe('resolveEnv', () => {
  it('fills in templates that are the whole value and leaves all others alone', () => {
    const table = {
      A: '${X}',
      B: 'x${X}',
      C: '${Y:-fall:-back}',
      D: '${EMPTY:-d}',
      E: '${Y:-}',
      F: '$X',
      G: '${}',
    };
    expect(resolveEnv(table, { X: '1', EMPTY: '' })).to.deep.equal({
      env: { A: '1', B: 'x${X}', C: 'fall:-back', D: '', E: '', F: '$X', G: '${}' },
      missing: [],
    });
  });

  it('names every variable that is not set, and takes none from the prototype', () => {
    const { missing } = resolveEnv({ A: '${X}', B: '${toString}' }, {});
    expect(missing).to.deep.equal([
      { key: 'A', variable: 'X' },
      { key: 'B', variable: 'toString' },
    ]);
  });
});
