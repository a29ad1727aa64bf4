import { expect } from 'chai';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');
const page = readFileSync(join(ROOT, 'docs/aws-cloud.md'), 'utf8');
const source = globSync('src/providers/{account,stacks}/*.ts', { cwd: ROOT })
  .filter((file) => !file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n');

const OPERATIONS: readonly (readonly [RegExp, string])[] = [
  [/this\.#call\(\['(\w+)'/g, 'cloudformation:'],
  [/\['(sts|iam|ec2|codebuild|logs)', '(\w+)'\]/g, ''],
  [/'(Get\w*ServiceQuota)'/g, 'servicequotas:'],
  [/\b(eks:\w+PodIdentity\w+)/g, ''],
  [/needs: '([\w-]+:\w+)'/g, ''],
  [/\['((?:s3|ecr|logs):\w+)'/g, ''],
];

const called = OPERATIONS.flatMap(([pattern, prefix]) =>
  [...source.matchAll(pattern)].map(([, ...parts]) => prefix + parts.join(':')),
);

describe('docs/aws-cloud.md', () => {
  it('lists every action that sb calls with the caller’s rights', () => {
    expect(called).to.have.length.above(20);
    expect(called.filter((action) => !page.includes(`\`${action}\``))).to.deep.equal([]);
  });
});
