/** Why a record and what it rests on do not go together: the sentence that an audit reports. */
export class Mismatch extends Error {}
