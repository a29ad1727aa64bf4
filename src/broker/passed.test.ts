import { expect } from 'chai';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { hasPassed } from './passed.ts';

const MIB = 2 ** 20;

describe('What goes through the broker', () => {
  it('has V8 look through its young generation every eight mebibytes, and leave what is old', async () => {
    const kinds: unknown[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { kind, flags } = (entry as PerformanceEntry & { detail: { kind: number; flags: number } })
          .detail;
        // Others begin by themselves.
        if ((flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) kinds.push(kind);
      }
    });
    observer.observe({ entryTypes: ['gc'] });
    try {
      for (let part = 0; part < 32; part++) hasPassed(MIB);
      // Entries come a turn later.
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(kinds).to.deep.equal(Array(4).fill(constants.NODE_PERFORMANCE_GC_MINOR));
    } finally {
      observer.disconnect();
    }
  });
});
