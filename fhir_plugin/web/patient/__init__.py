"""What a patient or parent meets at the end of a link: no account, a telephone, plain words."""
