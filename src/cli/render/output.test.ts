import { expect } from 'chai';
import stringWidth from 'string-width';
import { cut, table, type Column } from './output.ts';

interface Row {
  name: string;
  reward?: number;
}
const columns: Column<Row>[] = [
  { header: 'name', value: ({ name }) => name },
  { header: 'reward', value: ({ reward }) => reward, align: 'right' },
  { header: 'more', value: () => 'm', wide: true },
];

describe('A table', () => {
  it('aligns its columns and prints a dash for what is not there', () => {
    expect(table([{ name: 'hello', reward: 1 }, { name: 'x' }], columns)).to.equal(
      'NAME    REWARD\nhello        1\nx            -\n',
    );
  });

  it('has its wide columns on request', () => {
    expect(table([{ name: 'x' }], columns, { wide: true })).to.equal(
      'NAME   REWARD   MORE\nx           -   m\n',
    );
  });

  it('counts the cells of a terminal, not characters', () => {
    const [, first = '', second = ''] = table(
      [
        { name: '日本', reward: 1 },
        { name: 'ab', reward: 2 },
      ],
      columns,
    ).split('\n');
    expect(stringWidth(first)).to.equal(stringWidth(second));
  });

  it('lets no cell break out of its line', () => {
    expect(table([{ name: 'a\nb\x1b[2J' }], columns).split('\n')).to.have.length(3);
  });

  it('cuts lines at the terminal’s width', () => {
    expect(cut('hello world', 6)).to.equal('hello…');
    expect(stringWidth(cut('日本語日本語', 6))).to.be.at.most(6);
    const lines = table([{ name: 'a'.repeat(100), reward: 1 }], columns, { width: 20 })
      .trimEnd()
      .split('\n');
    for (const line of lines) expect(stringWidth(line)).to.be.at.most(20);
  });
});
