/** Trials that are known before the tests begin run beside each other, in waves, while the tests wait for theirs one by one. */
import { Story, type StoryOptions } from './story.ts';

const WIDTH = 8;
const queue: Story[] = [];

/** A Trial that needs nobody while it runs; made by and by, in the order in which they are written. */
export function trial(name: string, options: StoryOptions = {}): Story {
  const story = new Story(name, options);
  queue.push(story);
  return story;
}

/** A Trial that the test itself starts and plays with. */
export const ownTrial = (name: string, options: StoryOptions = {}, namespace?: string): Story =>
  new Story(name, options, namespace);

async function worker(next: Iterator<Story>): Promise<void> {
  for (let { done, value } = next.next(); !done; { done, value } = next.next()) {
    // What went wrong is the test's to find: it waits for the same Trial.
    await (value as Story).ended().catch(() => {});
  }
}

/** Begins to run the registered Trials, so many at a time. */
export function startStories(): void {
  const stories = queue.values();
  for (let index = 0; index < WIDTH; index++) void worker(stories);
}

/** Every Trial that was registered. */
export const registered = (): readonly Story[] => queue;
