// What can go wrong with keys, one class for each kind of remedy. No message holds a secret.

/** A box, a wrap or a file does not open with what was given. Says nothing about why. */
export class CannotOpen extends Error {
  constructor() {
    super("this cannot be opened with these keys");
    this.name = "CannotOpen";
  }
}

/** What a person typed is no password, phrase or app password; the message says what to correct. Never log it. */
export class InvalidKey extends Error {
  constructor(message) {
    super(message);
    this.name = "InvalidKey";
  }
}

/** The server named an Argon2id cost outside what a client agrees to use. */
export class WeakParameters extends Error {
  constructor(message) {
    super(message);
    this.name = "WeakParameters";
  }
}

/** An older keyring than this client has seen: a restored backup, or an attempt to undo a rotation. */
export class OldKeyring extends Error {
  constructor(offered, seen) {
    super(
      `the server offers version ${offered} of the keyring, but version ${seen} was seen before. ` +
        "Ask the operator whether a backup was restored, and do not send anything until it is explained.",
    );
    this.name = "OldKeyring";
  }
}
