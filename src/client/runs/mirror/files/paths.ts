/** Pure: which names out of the store may become names on this disk. */

/** Keys come from containers by way of the courier: nothing may lead out of the Trial's folder, nor mean something else to a shell. */
export const isSafePath = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes('\0');
