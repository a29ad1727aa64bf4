/** Stacks: resources that are made, changed and taken away together. Failures are `ProviderError`. */

export interface Stack {
  /** Names this one stack, also after it is gone and another has its name. */
  id: string;
  name: string;
  /** In the words of the service: `CREATE_COMPLETE`, `UPDATE_ROLLBACK_FAILED`. */
  status: string;
  /** Why it has that status. */
  reason?: string;
  description: string;
  tags: Readonly<Record<string, string>>;
  parameters: Readonly<Record<string, string>>;
  outputs: Readonly<Record<string, string>>;
  /** Whether it refuses to be deleted. */
  protected: boolean;
}

/** What a stack is to be. */
export interface StackWish {
  name: string;
  /** JSON. */
  template: string;
  parameters: Readonly<Record<string, string>>;
  tags: Readonly<Record<string, string>>;
}

export interface Change {
  action: 'Add' | 'Modify' | 'Remove' | 'Import' | 'Dynamic';
  /** In the template. */
  resource: string;
  type: string;
  /** What it is by now goes, and another comes in its place. */
  replaces: boolean;
}

/** Changes that were worked out and not made. */
export interface ChangeSet {
  id: string;
  stackId: string;
  changes: readonly Change[];
}

export interface StackEvent {
  id: string;
  /** In the template; of the stack itself, its name. */
  resource: string;
  type: string;
  status: string;
  reason?: string;
  /** Of the stack itself. */
  whole: boolean;
}

export interface Stacks {
  /** By name, or by id where it may be gone. Undefined where there is none; one that is gone has the status `DELETE_COMPLETE`. */
  find(nameOrId: string): Promise<Stack | undefined>;
  /**
   * Works out what would change; undefined: nothing. Of a stack that does not exist, it leaves an empty one (`REVIEW_IN_PROGRESS`) until the
   * changes are made or `remove` takes it away. Throws `PreconditionFailed` while something else is done to the stack, and `Invalid` where the
   * template cannot be carried out.
   */
  plan(wish: StackWish, how: 'create' | 'update'): Promise<ChangeSet | undefined>;
  /** Begins to make the changes. Throws `PreconditionFailed` where something else was done to the stack in between. */
  execute(changes: ChangeSet, how: 'create' | 'update'): Promise<void>;
  /** Forgets changes that nobody makes. */
  discard(changes: ChangeSet): Promise<void>;
  /** What happened after the event of that id, in its order; without one, all that is known. */
  events(stackId: string, after?: string): Promise<StackEvent[]>;
  /** The template that it was made of, as text. */
  template(stackId: string): Promise<string>;
  /** Whether it refuses to be deleted from now on. */
  protect(name: string, on: boolean): Promise<void>;
  /** Begins to delete it. Throws `PreconditionFailed` while something else is done to it, or it is protected. */
  remove(stackId: string): Promise<void>;
}
