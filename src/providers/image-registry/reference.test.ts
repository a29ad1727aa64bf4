import { expect } from 'chai';
import { formatReference, parseReference } from './reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('image reference', () => {
  const cases: Record<string, string> = {
    python: 'docker.io/library/python:latest',
    'python:3.11-slim': 'docker.io/library/python:3.11-slim',
    'docker.io/python:3': 'docker.io/library/python:3',
    'index.docker.io/library/python': 'docker.io/library/python:latest',
    'org/app': 'docker.io/org/app:latest',
    'localhost/app': 'localhost/app:latest',
    'localhost:5000/app:1': 'localhost:5000/app:1',
    'sb-registry:5000/a/b/c:tag_1.2': 'sb-registry:5000/a/b/c:tag_1.2',
    'quay.io/org/app': 'quay.io/org/app:latest',
    'host:5000': 'docker.io/library/host:5000',
    'HOST/app': 'HOST/app:latest',
    '[::1]:5000/app': '[::1]:5000/app:latest',
    [`app@${digest}`]: `docker.io/library/app@${digest}`,
    [`host:5000/app:1@${digest}`]: `host:5000/app@${digest}`,
    '123456789012.dkr.ecr.us-east-1.amazonaws.com/sb:x-0a':
      '123456789012.dkr.ecr.us-east-1.amazonaws.com/sb:x-0a',
  };
  for (const [text, full] of Object.entries(cases)) {
    it(`reads ${text} as ${full}`, () => expect(formatReference(parseReference(text))).to.equal(full));
  }

  const wrong = [
    '',
    ':',
    'a:',
    'a@',
    'a@sha256:0',
    'a/../b',
    '/a',
    'a/',
    'org/App',
    'a b',
    'a:b:c',
    'http://a/b',
    'a\n',
  ];
  for (const text of [...wrong, `a:${'t'.repeat(129)}`, 'a'.repeat(256), 'docker.io/', 'x/-a']) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      expect(() => parseReference(text))
        .to.throw('is no image reference')
        .and.include({ reason: 'Invalid' });
    });
  }
});
