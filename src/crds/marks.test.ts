import { expect } from 'chai';
import { aJob, aTrial } from '../../test/support/builders/objects.ts';
import { withOwnMarks } from './marks.ts';

describe('an object in a watch cache', () => {
  it('keeps nothing of the labels, annotations, finalizers and owners that anybody may write in any number', () => {
    const job = aJob(aTrial());
    const many = Object.fromEntries(
      Array.from({ length: 4000 }, (_, n) => [`example.org/${n}`, 'x'.repeat(63)]),
    );
    const stuffed = {
      ...job,
      metadata: {
        ...job.metadata,
        labels: { ...many, ...job.metadata.labels },
        annotations: { ...many, 'sb.abundant.ai/task-content': '0' },
        finalizers: Object.keys(many),
        ownerReferences: [
          ...Object.keys(many).map((name) => ({ apiVersion: 'v1', kind: 'Pod', name, uid: name })),
          ...(job.metadata.ownerReferences ?? []),
        ],
      },
    };
    expect(withOwnMarks(stuffed)).to.deep.equal({
      ...job,
      metadata: { ...job.metadata, annotations: { 'sb.abundant.ai/task-content': '0' } },
    });
  });

  it('keeps the annotations in other names that are read', () => {
    const annotations = { 'example.org/read': 'x', 'example.org/other': 'x' };
    const trial = aTrial();
    const marked = { ...trial, metadata: { ...trial.metadata, annotations } };
    expect(withOwnMarks(marked, ['example.org/read']).metadata.annotations).to.deep.equal({
      'example.org/read': 'x',
    });
  });

  it('is as it was otherwise', () => {
    expect(withOwnMarks(aTrial())).to.deep.equal(aTrial());
  });
});
