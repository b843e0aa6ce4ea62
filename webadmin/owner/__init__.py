"""A mailbox owner's own pages: what can read the mail, app passwords, the password, the keys and their proof.

Wherever a key is needed it is opened in the browser, by `static/js/owner-keys.js` with `keys.js`; the server hands out
boxes and takes boxes back. Pages that only show something work without a script.
"""
