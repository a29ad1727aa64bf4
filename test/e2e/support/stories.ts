/** Trials that are known before the tests of a file begin run beside each other, in waves, while the tests wait for theirs one by one. */
import { Story, type StoryOptions } from './story.ts';

const queue: Pick<Story, 'ended'>[] = [];

/** A Trial that needs nobody while it runs; made by and by, in the order in which they are written. */
export function trial(name: string, options: StoryOptions = {}): Story {
  const story = new Story(name, options);
  queue.push(story);
  return story;
}

/** Anything else that needs nobody while it goes on: begun among the Trials, or by the first test that asks for what comes of it. */
export function early<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let begun: Promise<Result> | undefined;
  const begin = (): Promise<Result> => (begun ??= work());
  queue.push({ ended: async () => void (await begin()) });
  return begin;
}

/** A Trial that the test itself starts and plays with. */
export const ownTrial = (name: string, options: StoryOptions = {}, namespace?: string): Story =>
  new Story(name, options, namespace);

async function worker(next: Iterator<Pick<Story, 'ended'>>): Promise<void> {
  for (let { done, value } = next.next(); !done; { done, value } = next.next()) {
    // What went wrong is the test's to find: it waits for the same Trial.
    await (value as Pick<Story, 'ended'>).ended().catch(() => {});
  }
}

/** Begins with what was registered since it was last called, so much at a time. */
export function startStories(width: number): void {
  const stories = queue.splice(0).values();
  for (let index = 0; index < width; index++) void worker(stories);
}
