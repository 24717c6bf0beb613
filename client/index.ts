/** A run directory as a reader sees it, and the line to the trainer that writes it. */
export * from './connection';
export * from './figures';
export * from './files';
export * from './follow';
export * from './journal';
export * from './launch';
export * from './manifest';
export * from './owner';
export * from './paths';
export * from './status';
