"""The words of the pages for customers, by language."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language's. `{}` stands for what the page fills in."""

    title: str
    intro: str
    save: str
    everything_off: str
    everything_off_hint: str
    saved: str
    all_off: str
    stopped: str
    reply_start: str
    again: str
    pending: str
    transactional: str
    nothing: str
    leave: str
    left: str
    confirm_title: str
    confirm: str
    confirmed: str
    withdrawn: str
    to_preferences: str
    not_found_title: str
    not_found: str
    channels: dict[str, str]

    def channel(self, name: str) -> str:
        return self.channels[name]


ENGLISH = Words(
    title="What may we write to you about?",
    intro="Tick what you want to receive. It holds at once.",
    save="Save",
    everything_off="Unsubscribe from everything",
    everything_off_hint="Offers, news and tips no longer come, by any channel.",
    saved="Saved. Your choice holds from now on.",
    all_off="You are unsubscribed from everything. Tick what you would like to receive again.",
    stopped="Stopped, as you asked",
    reply_start="To get messages here again, send us the word START.",
    again="Write to me here again",
    pending="We have sent you a message: please confirm it there.",
    transactional="Messages about what you have ordered, such as confirmations and codes, come all the same.",
    nothing="There is nothing to choose from at the moment.",
    leave="Unsubscribe from “{}” ({})",
    left="You are unsubscribed from “{}” ({}).",
    confirm_title="Please confirm",
    confirm="Yes, I want to receive “{}”",
    confirmed="Thank you. You will receive “{}” from now on.",
    withdrawn="This has been withdrawn in the meantime, so there is nothing to confirm.",
    to_preferences="Choose what you receive",
    not_found_title="This link does not work",
    not_found="Perhaps it was cut off. Open it again from the message, or reply to the message with the word STOP.",
    channels={
        "email": "E-mail",
        "sms": "SMS",
        "whatsapp": "WhatsApp",
        "voice": "Call",
        "push": "App",
        "web_push": "Browser",
    },
)

RUSSIAN = Words(
    title="О чём вам писать?",
    intro="Отметьте, что хотите получать. Изменения действуют сразу.",
    save="Сохранить",
    everything_off="Отписаться от всего",
    everything_off_hint="Предложения, новости и советы больше не придут ни по одному каналу.",
    saved="Сохранено. Ваш выбор уже действует.",
    all_off="Вы отписаны от всего. Отметьте, что хотите получать снова.",
    stopped="Остановлено по вашей просьбе",
    reply_start="Чтобы снова получать сообщения здесь, пришлите нам слово START.",
    again="Снова писать мне сюда",
    pending="Мы отправили вам сообщение: подтвердите, пожалуйста, в нём.",
    transactional="Сообщения о том, что вы заказали или запросили (подтверждения, коды), приходят в любом случае.",
    nothing="Сейчас выбирать не из чего.",
    leave="Отписаться от «{}» ({})",
    left="Вы отписались от «{}» ({}).",
    confirm_title="Подтвердите, пожалуйста",
    confirm="Да, хочу получать «{}»",
    confirmed="Спасибо! Теперь вы будете получать «{}».",
    withdrawn="За это время подписку отменили, подтверждать нечего.",
    to_preferences="Выбрать, что получать",
    not_found_title="Ссылка не работает",
    not_found="Возможно, она обрезана. Откройте её из письма ещё раз или ответьте на сообщение словом СТОП.",
    channels={
        "email": "Почта",
        "sms": "СМС",
        "whatsapp": "WhatsApp",
        "voice": "Звонок",
        "push": "Приложение",
        "web_push": "Браузер",
    },
)

PORTUGUESE = Words(
    title="Sobre o que podemos escrever?",
    intro="Marque o que deseja receber. Vale na hora.",
    save="Salvar",
    everything_off="Cancelar tudo",
    everything_off_hint="Ofertas, novidades e dicas não chegam mais, por nenhum canal.",
    saved="Salvo. Sua escolha já está valendo.",
    all_off="Você cancelou tudo. Marque o que quer voltar a receber.",
    stopped="Parado, como você pediu",
    reply_start="Para voltar a receber mensagens aqui, envie a palavra START.",
    again="Voltar a me escrever aqui",
    pending="Enviamos uma mensagem: confirme por ela, por favor.",
    transactional="Mensagens sobre o que você pediu, como confirmações e códigos, continuam chegando.",
    nothing="No momento não há nada para escolher.",
    leave="Cancelar “{}” ({})",
    left="Você não recebe mais “{}” ({}).",
    confirm_title="Confirme, por favor",
    confirm="Sim, quero receber “{}”",
    confirmed="Obrigado! A partir de agora você recebe “{}”.",
    withdrawn="Isso foi cancelado nesse meio-tempo; não há nada a confirmar.",
    to_preferences="Escolher o que receber",
    not_found_title="Este link não funciona",
    not_found="Talvez tenha sido cortado. Abra-o de novo na mensagem ou responda a ela com a palavra SAIR.",
    channels={
        "email": "E-mail",
        "sms": "SMS",
        "whatsapp": "WhatsApp",
        "voice": "Ligação",
        "push": "Aplicativo",
        "web_push": "Navegador",
    },
)

_BY_LANGUAGE = {"en": ENGLISH, "ru": RUSSIAN, "pt": PORTUGUESE}


def language_of(locale: str | None) -> str:
    """The language that a page is in, for a customer's language tag."""
    language = (locale or "").replace("_", "-").partition("-")[0].lower()
    return language if language in _BY_LANGUAGE else "en"


def words_for(locale: str | None) -> Words:
    return _BY_LANGUAGE[language_of(locale)]
